import TPMCrypto
import Testing

@testable import TPMWire

/// The operands of Part 3, chapter 15, against bytes written out by hand.
@Suite struct IdentityCommandTests {
    @Test func identities() throws {
        let label = Digest(repeating: 0xc1)
        for (form, bytes) in [(Key.Form.key11, Given.key11Bytes), (.key12, Given.key12Bytes)] {
            try expect(
                MakeIdentity.Request(
                    identityAuth: Given.auth, labelPrivCADigest: label, idKeyParams: Given.key(form)),
                is: Given.authBytes + repeated("c1", 20) + bytes)
            try expect(
                MakeIdentity.Response(idKey: Given.key(form), identityBinding: [5, 6, 7]),
                is: bytes + "00000003 050607")
        }
        try expect(
            ActivateIdentity.Request(idKeyHandle: Given.handle, blob: [1, 2]), handles: Given.handleBytes,
            is: "00000002 0102")
        try expect(
            ActivateIdentity.Response(
                symmetricKey: SymmetricKey(algId: .aes128, encScheme: .symCTR, data: Secret([8, 9]))),
            is: "00000006 0004 0002 0809")
    }

    @Test func aTraceMasksTheSecretsOfBoth() throws {
        let key = SymmetricKey(algId: .aes128, encScheme: .symCTR, data: Secret([8, 9]))
        let fields = try WireDescriber.describe(ActivateIdentity.Response(symmetricKey: key))
        #expect(fields.contains { $0.value == "<2 secret bytes>" })
        let request = MakeIdentity.Request(
            identityAuth: Given.auth, labelPrivCADigest: .zero, idKeyParams: Given.key(.key12))
        #expect(try WireDescriber.describe(request).first?.value == "<20 secret bytes>")
    }
}
