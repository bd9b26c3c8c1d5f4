import TPMCrypto
import Testing

@testable import TPMWire

/// The operands of Part 3, chapter 6, against bytes written out by hand.
@Suite struct OwnershipCommandTests {
    @Test func ownership() throws {
        try expect(
            TakeOwnership.Request(encOwnerAuth: [1, 2, 3], encSrkAuth: [4], srkParams: Given.key(.key12)),
            is: "0005 00000003 010203 00000001 04" + Given.key12Bytes)
        try expect(TakeOwnership.Response(srkPub: Given.key(.key11)), is: Given.key11Bytes)
        try expect(TSCPhysicalPresence.Request(physicalPresence: [.present, .cmdEnable]), is: "0028")
    }

    @Test func anUnknownOwnershipProtocolAndAnUndefinedPresenceBitAreBadParameter() throws {
        let ownership = try hex("0008 00000000 00000000" + Given.key12Bytes)
        #expect(throws: TPMResult.badParameter) {
            try WireDecoder.decode(TakeOwnership.Request.self, from: ownership)
        }
        #expect(throws: TPMResult.badParameter) {
            try WireDecoder.decode(TSCPhysicalPresence.Request.self, from: [0x04, 0x00])
        }
    }
}
