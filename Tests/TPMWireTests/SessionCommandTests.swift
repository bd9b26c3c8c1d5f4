import TPMCrypto
import Testing

@testable import TPMWire

/// The operands of Part 3, chapters 18, 21 and 22, against bytes written out by hand.
@Suite struct SessionCommandTests {
    private let label: [UInt8] = Array(1...16)
    private let labelBytes = "0102030405060708090a0b0c0d0e0f10"

    private var blob: ContextBlob {
        var blob = ContextBlob()
        blob.resourceType = .auth
        blob.handle = 0x0a0b_0c0d
        blob.label = label
        blob.contextCount = 7
        blob.integrityDigest = Given.nonce
        blob.additionalData = [0xad]
        blob.sensitiveData = [0x5e, 0x5f]
        return blob
    }
    private var blobBytes: String {
        "0001 00000002 0a0b0c0d" + labelBytes + "00000007" + Given.nonceBytes + "00000001 ad 00000002 5e5f"
    }

    @Test func authorizationSessions() throws {
        let even = Digest(repeating: 0xee)
        try expect(OIAP.Response(authHandle: 5, nonceEven: even), handles: "00000005" + repeated("ee", 20), is: "")
        try expect(
            OSAP.Request(
                entityType: EntityType(scheme: .aes128CTR, kind: .keyHandle), entityValue: 0x4000_0000,
                nonceOddOSAP: Given.nonce),
            handles: "0601 40000000" + Given.nonceBytes, is: "")
        try expect(
            OSAP.Response(authHandle: 5, nonceEven: even, nonceEvenOSAP: Given.nonce),
            handles: "00000005" + repeated("ee", 20) + Given.nonceBytes, is: "")
        try expect(SetOwnerPointer.Request(entityType: EntityType(kind: .delRow), entityValue: 1), is: "0008 00000001")
    }

    @Test func keyControl() throws {
        try expect(
            KeyControlOwner.Request(keyHandle: Given.handle, pubKey: Given.pubkey, bitName: 1, bitValue: true),
            handles: Given.handleBytes, is: Given.pubkeyBytes + "00000001 01")
    }

    @Test func contexts() throws {
        // 57 bytes without the additional and the sensitive data, which are 1 and 2 here: 0x3d.
        let sizedBlob = "0000003d" + blobBytes
        try expect(
            SaveContext.Request(handle: 0x0a0b_0c0d, resourceType: .auth, label: label), handles: "0a0b0c0d",
            is: "00000002" + labelBytes)
        try expect(SaveContext.Response(contextBlob: blob), is: sizedBlob)
        try expect(
            LoadContext.Request(entityHandle: 0x0102_0304, keepHandle: true, contextBlob: blob),
            handles: "01020304", is: "01" + sizedBlob)
        try expect(LoadContext.Response(handle: 0x0a0b_0c0d), handles: "0a0b0c0d", is: "")
        try expect(
            FlushSpecific.Request(handle: 0x0a0b_0c0d, resourceType: .trans), handles: "0a0b0c0d", is: "00000004")
    }

    @Test func anUnknownResourceTypeIsInvalidResource() throws {
        try expectCode(.invalidResource, for: FlushSpecific.Request(handle: 1, resourceType: .key), with: 11, at: 3)
        try expectCode(
            .invalidResource, for: SaveContext.Request(handle: 1, resourceType: .key, label: label), with: 0, at: 3)
        try expectCode(.invalidResource, for: blob, with: 0, at: 5)
    }

    @Test func aContextBlobMustFillItsSize() throws {
        try expectCode(.badParamSize, for: SaveContext.Response(contextBlob: blob), with: 0x3c, at: 3)
    }
}
