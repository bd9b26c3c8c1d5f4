import TPMCrypto
import Testing

@testable import TPMWire

/// The operands of Part 3, chapter 27, against bytes written out by hand.
@Suite struct DeprecatedCommandTests {
    @Test func keys() throws {
        try expect(EvictKey.Request(evictHandle: Given.handle), handles: Given.handleBytes, is: "")
        #expect(LoadKey.Request.self == LoadKey2.Request.self)
        // Other than that of TPM_LoadKey2, this handle enters the HMAC.
        try expect(LoadKey.Response(inkeyHandle: Given.handle), is: Given.handleBytes)
    }

    @Test func contexts() throws {
        try expect(SaveKeyContext.Request(keyHandle: Given.handle), handles: Given.handleBytes, is: "")
        try expect(SaveKeyContext.Response(keyContextBlob: [1, 2]), is: "00000002 0102")
        try expect(LoadKeyContext.Request(keyContextBlob: [3]), is: "00000001 03")
        try expect(LoadKeyContext.Response(keyHandle: Given.handle), handles: Given.handleBytes, is: "")
        try expect(SaveAuthContext.Request(authHandle: 6), handles: "00000006", is: "")
        try expect(SaveAuthContext.Response(authContextBlob: [4, 5]), is: "00000002 0405")
        try expect(LoadAuthContext.Request(authContextBlob: [6]), is: "00000001 06")
        try expect(LoadAuthContext.Response(authHandle: 7), handles: "00000007", is: "")
    }

    @Test func sessionsAndRegisters() throws {
        try expect(TerminateHandle.Request(handle: 8), handles: "00000008", is: "")
        try expect(
            DirWriteAuth.Request(dirIndex: 0, newContents: Given.nonce), is: "00000000" + Given.nonceBytes)
        try expect(DirRead.Request(dirIndex: 1), is: "00000001")
        try expect(DirRead.Response(dirContents: Given.nonce), is: Given.nonceBytes)
        try expect(OwnerReadPubek.Response(pubEndorsementKey: Given.pubkey), is: Given.pubkeyBytes)
    }
}
