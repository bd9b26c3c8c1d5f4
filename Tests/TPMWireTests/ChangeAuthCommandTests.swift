import TPMCrypto
import Testing

@testable import TPMWire

/// The operands of Part 3, chapter 17, against bytes written out by hand.
@Suite struct ChangeAuthCommandTests {
    @Test func changingAuthData() throws {
        try expect(
            ChangeAuth.Request(
                parentHandle: Given.handle, newAuth: Given.auth, entityType: EntityType(kind: .key), encData: [1, 2]),
            handles: Given.handleBytes, is: "0004" + Given.authBytes + "0005 00000002 0102")
        try expect(ChangeAuth.Response(outData: [3, 4, 5]), is: "00000003 030405")
        try expect(
            ChangeAuthOwner.Request(newAuth: Given.auth, entityType: EntityType(rawValue: 0xfffe)),
            is: "0004" + Given.authBytes + "fffe")
    }

    @Test func anUnknownChangeProtocolIsBadParameter() throws {
        let owner = try hex("0000" + Given.authBytes + "0002")
        let entity = try hex("0008" + Given.authBytes + "0005 00000000")
        #expect(throws: TPMResult.badParameter) { try WireDecoder.decode(ChangeAuthOwner.Request.self, from: owner) }
        #expect(throws: TPMResult.badParameter) { try WireDecoder.decode(ChangeAuth.Request.self, from: entity) }
    }
}
