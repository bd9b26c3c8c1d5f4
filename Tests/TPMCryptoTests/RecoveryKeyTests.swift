import Testing

@testable import TPMCrypto

@Suite struct RecoveryKeyTests {
    private static let key = Result { try RecoveryPrivateKey.generate(bits: 2048) }

    private static func secret(_ text: String) -> Secret { Secret(Array(text.utf8)) }

    @Test func `What is encrypted to the public key opens with the private one`() throws {
        let key = try Self.key.get()
        let publicKey = try RecoveryPublicKey(pem: Array(key.publicKey.pem.utf8))
        #expect(publicKey == key.publicKey && publicKey.fingerprint == key.publicKey.fingerprint)
        #expect(publicKey.fingerprint == SHA256.hash(publicKey.subjectPublicKeyInfo))
        #expect(publicKey.maximumSecretSize == 190)
        for count in [0, 32, 190] {
            let secret = try SystemRandom().secret(count: count)
            let ciphertext = try publicKey.encrypt(secret)
            #expect(ciphertext.count == 256)
            #expect(try key.decrypt(ciphertext) == secret)
        }
        #expect(throws: CryptoError.self) { try publicKey.encrypt(Secret(count: 191)) }
    }

    @Test func `What was not encrypted to it is refused, and all of it alike`() throws {
        let key = try Self.key.get()
        var changed = try key.publicKey.encrypt(Self.secret("secret"))
        changed[200] ^= 1
        let foreign = try RecoveryPrivateKey.generate(bits: 2048).publicKey.encrypt(Self.secret("secret"))
        let otherLabel = try RSAPublicKey(subjectPublicKeyInfo: key.publicKey.subjectPublicKeyInfo)
            .encryptOAEP(Self.secret("secret"))
        let zero = [UInt8](repeating: 0, count: 256)
        let one = [UInt8](repeating: 0, count: 255) + [1]
        let inputs = [changed, foreign, otherLabel, zero, one, [UInt8](repeating: 0xff, count: 256)]
        for input in inputs {
            #expect(throws: CryptoError(what: "RSA decryption")) { try key.decrypt(input) }
        }
        for count in [0, 255, 257] {
            #expect(throws: CryptoError(what: "RSA ciphertext size")) {
                try key.decrypt([UInt8](repeating: 0, count: count))
            }
        }
    }

    @Test func `The encrypted text opens with its passphrase alone`() throws {
        let key = try Self.key.get()
        let pem = Self.secret(try key.encryptedPEM(passphrase: Self.secret("correct")))
        let opened = try RecoveryPrivateKey(pem: pem, passphrase: Self.secret("correct"))
        #expect(opened.publicKey == key.publicKey)
        let ciphertext = try key.publicKey.encrypt(Self.secret("x"))
        #expect(try opened.decrypt(ciphertext) == Self.secret("x"))
        #expect(throws: CryptoError.passphraseNeeded) { try RecoveryPrivateKey(pem: pem) }
        for wrong in ["", "Correct", "correct ", String(repeating: "x", count: 5000)] {
            #expect(throws: CryptoError.wrongPassphrase) {
                try RecoveryPrivateKey(pem: pem, passphrase: Self.secret(wrong))
            }
        }
        #expect(throws: CryptoError.self) { try key.encryptedPEM(passphrase: Self.secret("")) }
    }

    @Test func `A key too small, too large or of another kind is refused`() throws {
        for bits in [1024, 2040, 4160, -1, .max] {
            #expect(throws: CryptoError.self) { try RecoveryPrivateKey.generate(bits: bits) }
        }
        let small = try RSAPrivateKey(primes: try RSAKeyGenerator.generate(bits: 1024, random: SystemRandom()))
        let pem = PEM.text(.publicKey, try small.publicKey.subjectPublicKeyInfo())
        #expect(throws: CryptoError(what: "an RSA key for recovery has 2048 to 4096 bits")) {
            try RecoveryPublicKey(pem: Array(pem.utf8))
        }
        #expect(throws: CryptoError(what: "RSA public key")) {
            try RecoveryPublicKey(pem: Array(Ed25519Tests.publicPEM.utf8))
        }
        #expect(throws: CryptoError(what: "the private key of the PEM is no key of RSA")) {
            try RecoveryPrivateKey(pem: Self.secret(Ed25519Tests.privatePEM))
        }
    }

    @Test func `Damage is told from a wrong passphrase and from no key at all`() throws {
        for (label, what) in [
            (PEM.Label.privateKey, "the private key of the PEM is damaged"),
            (.encryptedPrivateKey, "the encrypted private key of the PEM is damaged"),
        ] {
            let pem = Self.secret(PEM.text(label, [0x30, 3, 2, 1]))
            #expect(throws: CryptoError(what: what)) {
                try RecoveryPrivateKey(pem: pem, passphrase: Self.secret("x"))
            }
        }
        #expect(throws: CryptoError.noPrivateKey) { try RecoveryPrivateKey(pem: Self.secret("x")) }
        #expect(throws: CryptoError(what: "a PEM of more than 64 KB")) {
            try RecoveryPrivateKey(pem: Secret(count: PEM.maximumSize + 1))
        }
    }

    @Test func `The command openssl reads and writes the same`() throws {
        let openssl = try OpenSSLCommand()
        let oaep = "-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:sha256"
        let key = try RecoveryPrivateKey.generate()
        try openssl.write(key.publicKey.pem, to: "public.pem")
        try openssl.write(key.encryptedPEM(passphrase: Self.secret("correct")), to: "private.pem")
        // The key is sound, its text is what was promised, and openssl writes the public half alike.
        try openssl.run("pkey -in private.pem -passin pass:correct -check -noout")
        try openssl.run("pkey -in private.pem -passin pass:correct -pubout -out again.pem")
        #expect(try openssl.read("again.pem") == openssl.read("public.pem"))
        try openssl.run("asn1parse -in private.pem -out der -noout")
        let der = try openssl.read("der")
        // The object identifiers of PBES2, PBKDF2, HMAC-SHA-256 and AES-256-CBC, and the integer 600,000.
        for needed in [
            "06092a864886f70d01050d", "06092a864886f70d01050c", "06082a864886f70d0209", "060960864801650304012a",
            "0203 0927c0",
        ] {
            #expect(der.ranges(of: hex(needed.replacing(" ", with: ""))).count == 1, "\(needed)")
        }

        let secret = try SystemRandom().secret(count: 32)
        try openssl.write(try key.publicKey.encrypt(secret), to: "ciphertext")
        try openssl.run(
            "pkeyutl -decrypt -inkey private.pem -passin pass:correct -in ciphertext -out plain \(oaep)")
        #expect(try openssl.read("plain") == secret.bytes)
        try openssl.run("pkeyutl -encrypt -pubin -inkey public.pem -in plain -out other \(oaep)")
        #expect(try key.decrypt(openssl.read("other")) == secret)

        for bits in [2048, 4096] {
            try openssl.run("genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:\(bits) -out plain.pem")
            let plain = try RecoveryPrivateKey(pem: Secret(try openssl.read("plain.pem")))
            #expect(plain.publicKey.maximumSecretSize == bits / 8 - 66)
            #expect(try plain.decrypt(plain.publicKey.encrypt(secret)) == secret)
        }
        for options in ["-scrypt", "-v2 aes-128-cbc -v2prf hmacWithSHA512"] {
            try openssl.run("pkcs8 -topk8 -in plain.pem -passout pass:correct -out encrypted.pem \(options)")
            let pem = Secret(try openssl.read("encrypted.pem"))
            #expect(throws: Never.self) { try RecoveryPrivateKey(pem: pem, passphrase: Self.secret("correct")) }
            #expect(throws: CryptoError.wrongPassphrase) {
                try RecoveryPrivateKey(pem: pem, passphrase: Self.secret("wrong"))
            }
        }
    }

    @Test func `An encryption that libcrypto does not have is no wrong passphrase`() throws {
        let openssl = try OpenSSLCommand()
        try openssl.write(Ed25519Tests.privatePEM, to: "private.pem")
        // RC2 and DES are the legacy provider's.
        try openssl.run(
            "pkcs8 -topk8 -v1 PBE-MD5-DES -provider default -provider legacy -in private.pem -passout pass:correct"
                + " -out old.pem")
        let pem = Secret(try openssl.read("old.pem"))
        #expect(throws: CryptoError(what: "the private key is encrypted in an unknown way")) {
            try Ed25519PrivateKey(pem: pem, passphrase: Self.secret("correct"))
        }
    }
}
