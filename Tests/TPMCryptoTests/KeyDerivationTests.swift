import Testing

@testable import TPMCrypto

@Suite struct KeyDerivationTests {
    /// The two first of the widely published vectors for PBKDF2 with HMAC-SHA-512, and one over 64 bytes of key.
    @Test(arguments: [
        (
            "password", "salt", 1 as UInt32,
            "867f70cf1ade02cff3752599a3a53dc4af34c7a669815ae5d513554e1c8cf252"
                + "c02d470a285a0501bad999bfe943c08f050235d7d68b1da55e63f73b60a57fce"
        ),
        (
            "password", "salt", 2,
            "e1d9c16aa681708a45f5c7c4e215ceb66e011a2e9f0040713f18aefdb866d53c"
                + "f76cab2868a39b9f7840edce4fef5a82be67335c77a6068e04112754f27ccf4e"
        ),
        (
            "passwordPASSWORDpassword", "saltSALTsaltSALTsaltSALTsaltSALTsalt", 4096,
            "8c0511f4c6e597c6ac6315d8f0362e225f3c501495ba23b868c005174dc4ee71"
                + "115b59f9e60cd9532fa33e0f75aefe30225c583a186cd82bd4daea9724a3d3b8"
        ),
    ])
    func pbkdf2Vectors(passphrase: String, salt: String, iterations: UInt32, expected: String) throws {
        let key = try KeyDerivation.pbkdf2(
            passphrase: Secret(Array(passphrase.utf8)), salt: Array(salt.utf8), iterations: iterations, count: 64)
        #expect(key.bytes == hex(expected))
    }

    /// FIPS 180-4: "abc" and the empty text.
    @Test func sha512Vectors() throws {
        #expect(
            try KeyDerivation.sha512(Secret(Array("abc".utf8))).bytes
                == hex(
                    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                        + "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"))
        #expect(try KeyDerivation.sha512(Secret([])).bytes.prefix(4) == hex("cf83e135")[...])
    }
}
