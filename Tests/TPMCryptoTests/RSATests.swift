import CGMP
import Testing

@testable import TPMCrypto

@Suite struct RSATests {
    @Test(arguments: [512, 1024, 2048])
    func oaep(bits: Int) throws {
        let key = try makeKey(bits)
        let longest = Secret(count: bits / 8 - 42)
        for message in [Secret([]), Secret([1, 2, 3]), longest] {
            let sealed = try key.publicKey.encryptOAEP(message, random: SeededRandom(seed: 9))
            #expect(try sealed == key.publicKey.encryptOAEP(message, random: SeededRandom(seed: 9)))
            #expect(try key.decryptOAEP(sealed) == message)
            #expect(throws: CryptoError.self) { try key.decryptOAEP(sealed, label: Array("TCPB".utf8)) }
            var altered = sealed
            altered[altered.count - 1] ^= 1
            #expect(throws: CryptoError.self) { try key.decryptOAEP(altered) }
            #expect(throws: CryptoError.self) { try key.decryptOAEP(sealed + [0]) }
            #expect(throws: CryptoError.self) { try key.decryptOAEP(Array(sealed.dropLast())) }
        }
        #expect(throws: CryptoError.self) { try key.publicKey.encryptOAEP(Secret(count: longest.count + 1)) }
    }

    @Test func pkcs1Encryption() throws {
        let key = try makeKey(1024)
        let longest = Secret(count: 128 - 11)
        for message in [Secret([]), Secret([0, 1]), longest] {
            let sealed = try key.publicKey.encryptPKCS1(message, random: SeededRandom(seed: 3))
            #expect(try key.decryptPKCS1(sealed) == message)
        }
        #expect(throws: CryptoError.self) { try key.publicKey.encryptPKCS1(Secret(count: 118)) }
        #expect(throws: CryptoError.self) { try key.decryptPKCS1([]) }
        #expect(throws: CryptoError.self) { try key.decryptPKCS1([UInt8](repeating: 0xFF, count: 128)) }
    }

    @Test(arguments: [512, 1024, 2048])
    func signatures(bits: Int) throws {
        let key = try makeKey(bits)
        let info = DigestInfo.sha1(SHA1.hash([1, 2, 3]))
        #expect(info.count == 35)
        let signature = try key.signPKCS1(block: info)
        #expect(signature.count == bits / 8)
        #expect(key.publicKey.verifyPKCS1(digestInfo: info, signature: signature))
        #expect(!key.publicKey.verifyPKCS1(digestInfo: DigestInfo.sha1(.zero), signature: signature))
        #expect(!key.publicKey.verifyPKCS1(digestInfo: info, signature: Array(signature.dropLast())))
        #expect(!key.publicKey.verifyPKCS1(digestInfo: [], signature: signature))
        // The padding is the one of PKCS #1: the public operation gives 00 01 FF.. 00 info.
        let (sealed, modulus) = (BigInteger(signature), BigInteger(key.publicKey.modulus))
        let opened = BigInteger.make { result in
            withExtendedLifetime((sealed, modulus)) {
                __gmpz_powm_ui(result, sealed.pointer, 65537, modulus.pointer)
            }
        }
        let padding = [UInt8](repeating: 0xFF, count: bits / 8 - 3 - info.count)
        #expect(opened.secret(count: bits / 8).bytes == [0, 1] + padding + [0] + info)
        #expect(throws: CryptoError.self) {
            try key.signPKCS1(block: [UInt8](repeating: 0, count: bits / 8 - 10))
        }
        #expect(try key.signPKCS1(block: [UInt8](repeating: 0, count: bits / 8 - 11)).count == bits / 8)
    }

    @Test func privateKeyFromEitherPrime() throws {
        let primes = try RSAKeyGenerator.generate(bits: 512, random: SeededRandom(seed: 4))
        let first = try RSAPrivateKey(modulus: primes.modulus, exponent: 65537, prime: primes.p)
        let second = try RSAPrivateKey(modulus: primes.modulus, exponent: 65537, prime: primes.q)
        #expect(try first.signPKCS1(block: [1]) == second.signPKCS1(block: [1]))
        #expect(second.prime == primes.q)
        for wrong in [Secret([]), Secret([0]), Secret([1]), Secret([2]), Secret(primes.modulus), Secret(count: 600)] {
            #expect(throws: CryptoError.self) {
                try RSAPrivateKey(modulus: primes.modulus, exponent: 65537, prime: wrong)
            }
        }
    }

    /// A key of `openssl genrsa 512`, and what `openssl pkeyutl` made with it.
    private let known = (
        modulus: hex(
            "c7b3c0f279093545705ad29882fb5b6bbf434700c84b195662225aaa38c5ee5b"
                + "46fa9891cd3ec2d5b4bd3dde6ec76bb1ac6f47c082d0b9242776dbb21bf67555"),
        prime: Secret(hex("e83e3400b840f1f639b6da509946227dc62f252e9f8bf9a1ad9a90f6ea4ac5ff")),
        message: Secret((1...20).map { UInt8($0) })
    )

    @Test func signsAsOpenSSLDoes() throws {
        let key = try RSAPrivateKey(modulus: known.modulus, exponent: 65537, prime: known.prime)
        let signature = hex(
            "290546a08cb5311dfaa4126cdb5af7a3783a38426180a5e22750cd44d3a40bab"
                + "4b5d89b2713f3176af31b8ec5f926fbe1fca84916888d46a9ac1f5b2ac5ad94d")
        let info = DigestInfo.sha1(SHA1.hash(Array("abc".utf8)))
        #expect(try key.signPKCS1(block: info) == signature)
        #expect(key.publicKey.verifyPKCS1(digestInfo: info, signature: signature))
    }

    @Test func decryptsWhatOpenSSLEncrypted() throws {
        let key = try RSAPrivateKey(modulus: known.modulus, exponent: 65537, prime: known.prime)
        // -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_label:54435041
        let oaep = hex(
            "adbfff3232b4bca9092a3c2919eb0228a47d042bf9a8ce0ab685c080118dcf2b"
                + "466ddd7a33c88f2cb4ae36e31dc136480c2b681f72d743c27416e6c45c50048d")
        #expect(try key.decryptOAEP(oaep) == known.message)
        let pkcs1 = hex(
            "70a7e360a7e8d34a756eda147c06496a0de3c517b5ef4937fcacb94fd8d5c755"
                + "e4df4e18d8794ff1c4009dfd373f666168e39c2b719e0157cc1c75aa1f44e3b5")
        #expect(try key.decryptPKCS1(pkcs1) == known.message)
    }

    /// The ciphertext was computed in Python (hashlib and pow) from PKCS #1 v2.1, 7.1.1, with the seed that
    /// SeededRandom(seed: 9) gives first, and `openssl pkeyutl` decrypts it.
    @Test func encryptsOAEPAsTheStandardSays() throws {
        let key = try RSAPublicKey(modulus: known.modulus, exponent: 65537)
        let expected = hex(
            "8072cdc25addd21a939c1cae3631067083a5461f80b7f4858754ec9e6199f0ae"
                + "abb017a9ff9d4c7c3361b63fc4c0b2153984456c8664c7da58c825232376302e")
        #expect(try key.encryptOAEP(known.message, random: SeededRandom(seed: 9)) == expected)
    }

    @Test func publicKeyRefusals() {
        #expect(throws: CryptoError.self) { try RSAPublicKey(modulus: [], exponent: 3) }
        let odd = [UInt8](repeating: 0xFF, count: 64)
        #expect(throws: CryptoError.self) { try RSAPublicKey(modulus: odd, exponent: 2) }
        #expect(throws: CryptoError.self) { try RSAPublicKey(modulus: odd, exponent: 0) }
        #expect(throws: CryptoError.self) { try RSAPublicKey(modulus: [0] + odd, exponent: 3) }
        #expect(throws: CryptoError.self) { try RSAPublicKey(modulus: odd.dropLast() + [0], exponent: 3) }
        let long = odd + [UInt8](repeating: 1, count: 449)
        #expect(throws: CryptoError.self) { try RSAPublicKey(modulus: long, exponent: 3) }
    }

    private func makeKey(_ bits: Int) throws -> RSAPrivateKey {
        try RSAPrivateKey(primes: RSAKeyGenerator.generate(bits: bits, random: SeededRandom(seed: UInt32(bits))))
    }
}
