import TPMCrypto
import Testing

@testable import TPMWire

/// The operands of Part 3, 18.3 and chapter 19, against bytes written out by hand.
@Suite struct DelegationCommandTests {
    private let pub = DelegatePublic(
        rowLabel: 0x61, pcrInfo: Given.infoShort, permissions: Delegations(delegateType: .owner, per1: 4), familyID: 2,
        verificationCount: 3)
    private let pubBytes =
        "001b 61" + Given.infoShortBytes + "001a 00000001 00000004 00000000" + "00000002 00000003"
    /// 51 bytes of public part, two tags and sizes, a digest and a byte of each area.
    private var ownerBlob: DelegateOwnerBlob {
        DelegateOwnerBlob(
            pub: pub, integrityDigest: Given.nonce, additionalArea: [0xad], sensitiveArea: Secret([0x5e]))
    }
    private var ownerBlobBytes: String {
        "002a" + pubBytes + Given.nonceBytes + "00000001 ad 00000001 5e"
    }

    private func size(_ text: String) throws -> String {
        let digits = String(try hex(text).count, radix: 16)
        return repeated("0", 8 - digits.count) + digits
    }

    @Test func managing() throws {
        try expect(
            DelegateManage.Request(familyID: 7, opCode: .admin, opData: [1]), is: "00000007 00000003 00000001 01")
        try expect(DelegateManage.Response(retData: [0, 0, 0, 9]), is: "00000004 00000009")
        // An operation that is not known is the engine's to answer.
        #expect(code(DelegateManage.Request.self, try hex("00000007 00000063 00000000")) == nil)
    }

    @Test func creating() throws {
        try expect(
            DelegateCreateKeyDelegation.Request(keyHandle: Given.handle, publicInfo: pub, delAuth: Given.auth),
            handles: Given.handleBytes, is: pubBytes + Given.authBytes)
        try expect(
            DelegateCreateOwnerDelegation.Request(increment: true, publicInfo: pub, delAuth: Given.auth),
            is: "01" + pubBytes + Given.authBytes)
        try expect(
            DelegateCreateOwnerDelegation.Response(blob: ownerBlob), is: try size(ownerBlobBytes) + ownerBlobBytes)
        let keyBlobBytes =
            "0027" + pubBytes + Given.nonceBytes + repeated("b1", 20) + "00000001 ad 00000001 5e"
        try expect(
            DelegateCreateKeyDelegation.Response(
                blob: DelegateKeyBlob(
                    pub: pub, integrityDigest: Given.nonce, pubKeyDigest: Digest(repeating: 0xb1),
                    additionalArea: [0xad], sensitiveArea: [0x5e])),
            is: try size(keyBlobBytes) + keyBlobBytes)
    }

    @Test func loading() throws {
        try expect(
            DelegateLoadOwnerDelegation.Request(index: 1, blob: ownerBlob),
            is: "00000001" + (try size(ownerBlobBytes)) + ownerBlobBytes)
    }

    @Test func reading() throws {
        let family = FamilyTableEntry(familyLabel: 0x62, familyID: 2, verificationCount: 3, flags: .enabled)
        let rows = "00000001" + pubBytes + "00000003" + pubBytes
        try expect(
            DelegateReadTable.Response(
                families: [family], rows: [.init(index: 1, pub: pub), .init(index: 3, pub: pub)]),
            is: "0000000f 0025 62 00000002 00000003 00000001" + (try size(rows)) + rows)
        try expect(DelegateReadTable.Response(families: [], rows: []), is: "00000000 00000000")
    }

    @Test func verifying() throws {
        try expect(DelegateUpdateVerification.Request(inputData: [0, 0, 0, 1]), is: "00000004 00000001")
        try expect(DelegateUpdateVerification.Response(outputData: [1]), is: "00000001 01")
        try expect(DelegateVerifyDelegation.Request(delegation: [0, 0x27]), is: "00000002 0027")
    }

    @Test func sessions() throws {
        let request = DSAP.Request(
            entityType: EntityType(scheme: .aes128CTR, kind: .delRow), keyHandle: Given.handle,
            nonceOddDSAP: Given.nonce, entityValue: [0, 0, 0, 1])
        let handles = try hex("0608" + Given.handleBytes + Given.nonceBytes + "00000004")
        var encoder = WireEncoder()
        var copy = request
        try copy.handles(&encoder)
        #expect(encoder.bytes == handles)
        #expect(try request.encoded() == [0, 0, 0, 1])
        func decoded(_ bytes: [UInt8]) throws(TPMResult) -> DSAP.Request {
            var decoder = WireDecoder(bytes)
            var request = DSAP.Request()
            try request.handles(&decoder)
            try request.code(&decoder)
            try decoder.finish()
            return request
        }
        let bytes = handles + [0, 0, 0, 1]
        #expect(try decoded(bytes) == request)
        for count in bytes.indices { #expect(throws: TPMResult.badParamSize) { try decoded(Array(bytes[..<count])) } }
        #expect(throws: TPMResult.badParamSize) { try decoded(bytes + [0]) }
        let even = Digest(repeating: 0xee)
        try expect(
            DSAP.Response(authHandle: 5, nonceEven: even, nonceEvenDSAP: Given.nonce),
            handles: "00000005" + repeated("ee", 20) + Given.nonceBytes, is: "")
    }
}
