import Testing

@testable import TPMCrypto

@Suite struct Ed25519Tests {
    /// RFC 8410, 10.1 and 10.3: a key pair.
    static let publicPEM = """
        -----BEGIN PUBLIC KEY-----
        MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
        -----END PUBLIC KEY-----

        """
    static let privatePEM = """
        -----BEGIN PRIVATE KEY-----
        MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
        -----END PRIVATE KEY-----

        """

    @Test func `A key is read and written as RFC 8410 has it`() throws {
        let key = try Ed25519PublicKey(pem: Array(Self.publicPEM.utf8))
        #expect(key.raw == hex("19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1"))
        #expect(key.pem == Self.publicPEM)
        #expect(try Ed25519PublicKey(raw: key.raw) == key)
        #expect(try Ed25519PrivateKey(pem: Secret(Array(Self.privatePEM.utf8))).publicKey == key)
        #expect(key.fingerprint == SHA256.hash(hex("302a300506032b6570032100") + key.raw))
    }

    /// RFC 8032, 7.1, test 3.
    @Test func `A signature is that of RFC 8032`() throws {
        let seed = hex("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7")
        let pem = PEM.text(.privateKey, hex("302e020100300506032b657004220420") + seed)
        let key = try Ed25519PrivateKey(pem: Secret(Array(pem.utf8)))
        #expect(key.publicKey.raw == hex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"))
        let signature = hex(
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
                + "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a")
        #expect(try key.sign([0xaf, 0x82]) == signature)
        #expect(key.publicKey.verify([0xaf, 0x82], signature: signature))
    }

    @Test func `Another message, another signature, another key, another size are refused`() throws {
        let key = try Ed25519PrivateKey.generate()
        let message = Array("approved".utf8)
        let signature = try key.sign(message)
        #expect(key.publicKey.verify(message, signature: signature))
        #expect(!key.publicKey.verify(message + [0], signature: signature))
        #expect(!(try Ed25519PrivateKey.generate().publicKey.verify(message, signature: signature)))
        for index in signature.indices {
            var changed = signature
            changed[index] ^= 1
            #expect(!key.publicKey.verify(message, signature: changed))
        }
        for wrong in [[], signature.dropLast(), signature + [0]] {
            #expect(!key.publicKey.verify(message, signature: Array(wrong)))
        }
        #expect(try key.publicKey.verify([], signature: key.sign([])))
    }

    @Test func `What is no key of Ed25519 is refused`() throws {
        for count in [0, 31, 33, 64] {
            #expect(throws: CryptoError.self) { try Ed25519PublicKey(raw: [UInt8](repeating: 1, count: count)) }
        }
        let rsa = try RecoveryPrivateKey.generate(bits: 2048).publicKey.pem
        #expect(throws: CryptoError(what: "ED25519 public key")) { try Ed25519PublicKey(pem: Array(rsa.utf8)) }
        for text in ["", "nothing", Self.privatePEM, String(Self.publicPEM.dropLast(30))] {
            #expect(throws: CryptoError.noPublicKey) { try Ed25519PublicKey(pem: Array(text.utf8)) }
        }
        #expect(throws: CryptoError.noPrivateKey) {
            try Ed25519PrivateKey(pem: Secret(Array(Self.publicPEM.utf8)))
        }
    }

    @Test func `A text of more than 64 KB is not looked at, and what stands before the key is passed over`() throws {
        let size = PEM.maximumSize - Self.publicPEM.utf8.count
        let line = [UInt8](repeating: 0x20, count: 63) + [0x0a]
        let before = Array((0..<size / 64).map { _ in line }.joined())
        #expect(try Ed25519PublicKey(pem: before + Array(Self.publicPEM.utf8)).pem == Self.publicPEM)
        let text = before + line + Array(Self.publicPEM.utf8)
        #expect(throws: CryptoError(what: "a PEM of more than 64 KB")) { try Ed25519PublicKey(pem: text) }
    }

    @Test func `A text with encryption of its own is refused, and nobody is asked for a passphrase`() throws {
        let lines = Self.privatePEM.split(separator: "\n", omittingEmptySubsequences: false)
        let header = ["Proc-Type: 4,ENCRYPTED", "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF", ""]
        let text = (lines.prefix(1) + header.map { $0[...] } + lines.dropFirst()).joined(separator: "\n")
        #expect(throws: CryptoError.noPrivateKey) { try Ed25519PrivateKey(pem: Secret(Array(text.utf8))) }
    }

    @Test func `A changed text gives an error or another key`() throws {
        let pem = Array(Self.privatePEM.utf8)
        for index in pem.indices {
            for value in [0, 0x2d, 0xff] as [UInt8] {
                var changed = pem
                changed[index] = value
                _ = try? Ed25519PrivateKey(pem: Secret(changed))
                _ = try? Ed25519PublicKey(pem: changed)
            }
        }
    }

    @Test func `The command openssl makes keys and signatures for it, and reads its own`() throws {
        let openssl = try OpenSSLCommand()
        let message = Array("sequence 7".utf8)
        try openssl.write(message, to: "message")
        try openssl.run("genpkey -algorithm ed25519 -out private.pem")
        try openssl.run("pkey -in private.pem -pubout -out public.pem")
        try openssl.run("pkeyutl -sign -rawin -inkey private.pem -in message -out signature")
        let key = try Ed25519PrivateKey(pem: Secret(try openssl.read("private.pem")))
        let publicPEM = try openssl.read("public.pem")
        #expect(try Ed25519PublicKey(pem: publicPEM) == key.publicKey)
        #expect(Array(key.publicKey.pem.utf8) == publicPEM)
        #expect(key.publicKey.verify(message, signature: try openssl.read("signature")))
        #expect(try key.sign(message) == openssl.read("signature"))

        try openssl.run("pkey -in private.pem -aes-256-cbc -passout pass:correct -out encrypted.pem")
        let encrypted = Secret(try openssl.read("encrypted.pem"))
        let opened = try Ed25519PrivateKey(pem: encrypted, passphrase: Secret(Array("correct".utf8)))
        #expect(opened.publicKey == key.publicKey)

        try openssl.write(key.encryptedPEM(passphrase: Secret(Array("battery".utf8))), to: "ours.pem")
        try openssl.run("pkey -in ours.pem -passin pass:battery -out back.pem")
        #expect(try openssl.read("back.pem") == openssl.read("private.pem"))
    }
}
