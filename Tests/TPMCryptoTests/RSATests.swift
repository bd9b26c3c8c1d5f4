import CGMP
import Testing

@testable import TPMCrypto

@Suite struct RSATests {
    @Test(arguments: [512, 1024, 2048])
    func generation(bits: Int) throws {
        let primes = try RSAKeyGenerator.generate(bits: bits, random: SeededRandom(seed: 5))
        let again = try RSAKeyGenerator.generate(bits: bits, random: SeededRandom(seed: 5))
        #expect(primes.modulus == again.modulus && primes.p == again.p && primes.q == again.q)
        let (p, q) = (BigInteger(primes.p), BigInteger(primes.q))
        #expect((p * q).compare(BigInteger(primes.modulus)) == 0)
        #expect((p * q).bitCount == bits && primes.modulus.count == bits / 8)
        #expect(p.bitCount == bits / 2 && q.bitCount == bits / 2 && p.compare(q) > 0)
        #expect(p.distance(q).bitCount > bits / 2 - 99)
        #expect(__gmpz_probab_prime_p(p.pointer, 30) > 0 && __gmpz_probab_prime_p(q.pointer, 30) > 0)
    }

    @Test func generationRefusals() {
        let random = SeededRandom(seed: 1)
        for bits in [-8, 0, 768, 4096] {
            #expect(throws: CryptoError.self) { try RSAKeyGenerator.generate(bits: bits, random: random) }
        }
        for exponent: UInt32 in [0, 1, 2, 65536] {
            #expect(throws: CryptoError.self) {
                try RSAKeyGenerator.generate(bits: 512, exponent: exponent, random: random)
            }
        }
    }

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
