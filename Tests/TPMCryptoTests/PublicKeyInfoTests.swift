import Testing

@testable import TPMCrypto

@Suite struct PublicKeyInfoTests {
    private static let modulus: [UInt8] = [0xc5] + [UInt8](repeating: 0x5a, count: 62) + [0x0b]
    /// Written by hand from RFC 5280 and RFC 8017: SEQUENCE, rsaEncryption with NULL, BIT STRING with a SEQUENCE of two
    /// INTEGERs.
    private static let der: [UInt8] =
        [0x30, 0x5c, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00]
        + [0x03, 0x4b, 0x00, 0x30, 0x48, 0x02, 0x41, 0x00] + modulus + [0x02, 0x03, 0x01, 0x00, 0x01]

    @Test func `A public key is written in the form that everybody reads, and read from it`() throws {
        let key = try RSAPublicKey(modulus: Self.modulus, exponent: 65537)
        #expect(try key.subjectPublicKeyInfo() == Self.der)
        let read = try RSAPublicKey(subjectPublicKeyInfo: Self.der)
        #expect(read.modulus == Self.modulus)
        #expect(read.exponent == 65537)
    }

    @Test func `What is no public key of RSA is refused`() {
        // An EC key of P-256 is well formed, too.
        let point = [UInt8](repeating: 0, count: 64)
        let curve: [UInt8] =
            [0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86]
            + [0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04] + point
        let inputs = [
            [], [0x30], Self.der + [0], Array(Self.der.dropLast()), curve, [UInt8](repeating: 0x30, count: 5000),
        ]
        for input in inputs {
            #expect(throws: CryptoError.self) { try RSAPublicKey(subjectPublicKeyInfo: input) }
        }
        for index in Self.der.indices {
            var changed = Self.der
            changed[index] ^= 0x80
            // Some are other keys; none is a trap.
            _ = try? RSAPublicKey(subjectPublicKeyInfo: changed)
        }
    }

    @Test func `SHA-256 hashes the parts in a row`() {
        // FIPS 180-4's example of "abc".
        let digest = hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(SHA256.hash(Array("abc".utf8)) == digest)
        #expect(SHA256.hash(Array("a".utf8), UInt16(0x6263)) == digest)
        #expect(SHA256.hash() == hex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"))
    }

    @Test func `OAEP with SHA-256 takes a message of 66 bytes less than the modulus`() throws {
        let key = try RSAPrivateKey(primes: try RSAKeyGenerator.generate(bits: 1024, random: SystemRandom())).publicKey
        for count in [0, 62] {
            let ciphertext = try key.encryptOAEPWithSHA256(Secret(count: count))
            #expect(ciphertext.count == key.modulusSize)
            #expect(try key.encryptOAEPWithSHA256(Secret(count: count)) != ciphertext)
        }
        #expect(throws: CryptoError.self) { try key.encryptOAEPWithSHA256(Secret(count: 63)) }
    }

    @Test func `The prefix of SHA-256 is the standard's`() {
        let prefix = hex("3031300d060960864801650304020105000420")
        #expect(DigestInfo.sha256(of: [1]) == prefix + SHA256.hash([UInt8(1)]))
    }
}
