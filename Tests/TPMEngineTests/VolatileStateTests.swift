import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

/// The volatile state of a TPM that runs, written as bytes and gone on with elsewhere.
@Suite struct VolatileStateTests {
    @Test func aFreshTPMComesBack() throws {
        let tpm = OwnedTPM()
        try tpm.extend(10)
        let bytes = try tpm.tpm.serialisedVolatile(wallTime: 5).bytes
        let other = OwnedTPM()
        try other.tpm.restoreVolatile(bytes, wallTime: 5)
        #expect(other.tpm.state.clear.pcrs == tpm.tpm.state.clear.pcrs)
        #expect(try other.tpm.serialisedVolatile(wallTime: 5).bytes == bytes)
    }
}
