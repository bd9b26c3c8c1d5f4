import TPMCrypto
import Testing

@testable import TPMWire

/// Part 2, 10, against bytes written out by hand.
@Suite struct KeyStructureTests {
    /// 15 bytes of parameters, the exponent written out.
    private let rsa = KeyParms(
        algorithmID: .rsa, encScheme: .rsaesOAEPSHA1MGF1, sigScheme: .none,
        parms: .rsa(RSAKeyParms(keyLength: 2048, numPrimes: 2, exponent: [1, 0, 1])))
    private let rsaBytes = "00000001 0003 0001 0000000f 00000800 00000002 00000003 010001"
    private let digest = Digest(repeating: 0xb2)
    private let digestBytes = repeated("b2", 20)

    private var info: PCRInfo {
        PCRInfo(pcrSelection: Given.selection, digestAtRelease: digest, digestAtCreation: Given.nonce)
    }
    private var infoBytes: String { Given.selectionBytes + digestBytes + Given.nonceBytes }
    private var long: PCRInfoLong { PCRInfoLong(info) }

    private func key(_ form: Key.Form, _ pcr: Key.PCR) -> Key {
        Key(
            form: form, keyUsage: .storage, keyFlags: [.migratable], authDataUsage: .always, algorithmParms: rsa,
            pcrInfo: pcr, pubKey: StorePubkey(key: [1, 2, 3, 4]), encData: [9, 8, 7])
    }
    /// Usage, flags, authorization, parameters.
    private var middle: String { "0011 00000002 01" + rsaBytes }

    @Test func parameters() throws {
        try expectStructure(rsa, is: rsaBytes)
        #expect(rsa.rsa?.publicExponent == 65537)
        let aes = KeyParms(
            algorithmID: .aes128, encScheme: .symCTR, sigScheme: .none,
            parms: .symmetric(SymmetricKeyParms(keyLength: 128, blockSize: 128, iv: [1, 2, 3])))
        try expectStructure(aes, is: "00000006 0004 0001 0000000f 00000080 00000080 00000003 010203")
        let plain = KeyParms(algorithmID: .sha, encScheme: .none, sigScheme: .none, parms: .none)
        try expectStructure(plain, is: "00000004 0001 0001 00000000")
    }

    @Test func badParametersHaveTheirCodes() throws {
        // DES, an unknown encryption and an unknown signature scheme.
        try expectCode(.badKeyProperty, for: rsa, with: 2, at: 3)
        try expectCode(.badKeyProperty, for: rsa, with: 6, at: 5)
        try expectCode(.badKeyProperty, for: rsa, with: 5, at: 7)
        // RSA without parameters, SHA-1 with some.
        #expect(code(KeyParms.self, try hex("00000001 0003 0001 00000000")) == .badKeyProperty)
        #expect(code(KeyParms.self, try hex("00000004 0001 0001 00000001 07")) == .badKeyProperty)
    }

    @Test func keysOfBothForms() throws {
        let tail = "00000004 01020304 00000003 090807"
        try expectStructure(key(.key11, .none), is: "01010000" + middle + "00000000" + tail)
        try expectStructure(key(.key11, .info(info)), is: "01010000" + middle + "0000002d" + infoBytes + tail)
        try expectStructure(key(.key12, .none), is: "00280000" + middle + "00000000" + tail)
        // Made at and released to every locality, with the selection twice, then the digests at creation and release.
        let longBytes = "0006 1f 1f" + Given.selectionBytes + Given.selectionBytes + Given.nonceBytes + digestBytes
        try expectStructure(key(.key12, .long(long)), is: "00280000" + middle + "00000036" + longBytes + tail)
        #expect(throws: TPMResult.invalidStructure) { try key(.key11, .long(long)).encoded() }
    }

    @Test func thePublicPartEndsBeforeTheSizeOfTheEncryptedData() throws {
        let open = try hex("01010000" + middle + "00000000 00000004 01020304")
        #expect(try key(.key11, .none).publicPart() == open)
        #expect(try key(.key11, .none).pubkey.encoded() == hex(rsaBytes + "00000004 01020304"))
    }

    @Test func badFieldsHaveTheirCodes() throws {
        let sample = key(.key12, .none)
        try expectCode(.badVersion, for: sample, with: 0x29, at: 1)
        try expectCode(.badKeyProperty, for: sample, with: 1, at: 3)
        try expectCode(.badKeyProperty, for: sample, with: 0x17, at: 5)
        try expectCode(.badKeyProperty, for: sample, with: 0x20, at: 9)
        try expectCode(.badParameter, for: sample, with: 2, at: 10)
        try expectCode(.badKeyProperty, for: sample, with: 2, at: 14)
        // The revision of the old form is ignored.
        var old = try key(.key11, .none).encoded()
        old[3] = 1
        #expect(code(Key.self, old) == nil)
    }

    @Test func keyMaterial() throws {
        try expectStructure(StorePubkey(key: [1, 2, 3]), is: "00000003 010203")
        try expectStructure(Given.pubkey, is: Given.pubkeyBytes)
        try expectStructure(StorePrivkey(key: Secret([1, 2])), is: "00000002 0102")
        let store = StoreAsymkey(
            payload: .asym, usageAuth: Given.auth, migrationAuth: Secret(digest), pubDataDigest: Given.nonce,
            privKey: StorePrivkey(key: Secret([4])))
        try expectStructure(store, is: "01" + Given.authBytes + digestBytes + Given.nonceBytes + "00000001 04")
        try expectCode(.invalidStructure, for: store, with: 9, at: 0)
        let migrate = MigrateAsymkey(
            payload: .migrate, usageAuth: Given.auth, pubDataDigest: Given.nonce, partPrivKey: Secret([4]))
        try expectStructure(migrate, is: "03" + Given.authBytes + Given.nonceBytes + "00000001 04")
        try expectCode(.invalidStructure, for: migrate, with: 0, at: 0)
    }
}
