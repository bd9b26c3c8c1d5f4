import CGMP
import Synchronization
import Testing

@testable import TPMCrypto

@Suite struct KeyGenerationTests {
    @Test(arguments: [(512, 1...20), (1024, 1...6), (2048, 1...2), (3072, 1...1)])
    func everyKeyHasTheRightForm(bits: Int, seeds: ClosedRange<UInt32>) throws {
        for seed in seeds {
            let primes = try RSAKeyGenerator.generate(bits: bits, random: SeededRandom(seed: seed))
            let (p, q) = (BigInteger(primes.p), BigInteger(primes.q))
            #expect((p * q).compare(BigInteger(primes.modulus)) == 0)
            #expect((p * q).bitCount == bits && primes.modulus.count == bits / 8)
            #expect(primes.p.count == bits / 16 && primes.q.count == bits / 16)
            for prime in [p, q] {
                #expect(__gmpz_probab_prime_p(prime.pointer, 30) > 0)
                #expect(prime.bitCount == bits / 2 && __gmpz_tstbit(prime.pointer, UInt(bits / 2 - 2)) == 1)
                let previous = prime - 1
                #expect(__gmpz_gcd_ui(nil, previous.pointer, 65537) == 1)
            }
            #expect(p.compare(q) > 0 && p.distance(q).bitCount > bits / 2 - 99)
            let d = BigInteger(65537).inverse((p - 1).leastCommonMultiple(q - 1))
            #expect((d?.bitCount ?? 0) > bits / 2 + 1)
        }
    }

    @Test(arguments: [3, 17, 257, 0xFFFF_FFFF] as [UInt32])
    func everyOddExponentGivesAKeyThatWorks(exponent: UInt32) throws {
        let primes = try RSAKeyGenerator.generate(bits: 512, exponent: exponent, random: SeededRandom(seed: 7))
        let key = try RSAPrivateKey(primes: primes)
        let signature = try key.signPKCS1(block: [1, 2, 3])
        #expect(key.publicKey.exponent == exponent)
        #expect(key.publicKey.verifyPKCS1(digestInfo: [1, 2, 3], signature: signature))
    }

    @Test func equalSeedsGiveEqualKeysAndOthersDiffer() throws {
        let keys = try [1, 1, 2].map { try RSAKeyGenerator.generate(bits: 512, random: SeededRandom(seed: $0)) }
        #expect(keys[0].modulus == keys[1].modulus && keys[0].p == keys[1].p && keys[0].q == keys[1].q)
        #expect(keys[0].modulus != keys[2].modulus && keys[0].p != keys[2].p && keys[0].q != keys[2].q)
    }

    @Test func otherSizesAndEvenExponentsAreRefused() {
        let random = SeededRandom(seed: 1)
        for bits in [-8, 0, 768, 4160, 8192] {
            #expect(throws: CryptoError.self) { try RSAKeyGenerator.generate(bits: bits, random: random) }
        }
        for exponent: UInt32 in [0, 1, 2, 65536] {
            #expect(throws: CryptoError.self) {
                try RSAKeyGenerator.generate(bits: 512, exponent: exponent, random: random)
            }
        }
    }

    @Test func everyCandidateIsDrawnAnew() throws {
        let prime = try somePrime()
        // The first candidate, 3 · 2^254 + 1, is composite and the second is the prime: a walk from the first would
        // end elsewhere.
        let random = ScriptedRandom([0: [UInt8](repeating: 0, count: 32), 1: prime.limbBytes])
        let found = try PrimeSearch(bits: 256, exponent: 65537, random: random).next()
        #expect(found.compare(prime) == 0)
        // Two candidates and the bases of 16 rounds.
        #expect(random.draws == 18)
    }

    @Test func primesThatAreCloseAreNotTakenTogether() throws {
        let prime = try somePrime()
        let next = BigInteger.make { __gmpz_nextprime($0, prime.pointer) }
        for second in [prime, next] {
            // After the first prime come the bases of 16 rounds.
            let random = ScriptedRandom([0: prime.limbBytes, 17: second.limbBytes])
            let primes = try RSAKeyGenerator.generate(bits: 512, random: random)
            #expect(random.draws > 36)
            #expect(BigInteger(primes.p).distance(BigInteger(primes.q)).bitCount > 157)
        }
    }

    @Test func aBrokenRandomSourceEndsInAnError() {
        struct Constant: RandomSource {
            let byte: UInt8
            func fill(_ buffer: UnsafeMutableRawBufferPointer) {
                for index in buffer.indices { buffer[index] = byte }
            }
        }
        struct Failing: RandomSource {
            func fill(_ buffer: UnsafeMutableRawBufferPointer) throws(CryptoError) { throw CryptoError(what: "dry") }
        }
        for byte: UInt8 in [0, 0xFF] {
            #expect(throws: CryptoError.self) {
                try RSAKeyGenerator.generate(bits: 512, random: Constant(byte: byte))
            }
        }
        #expect(throws: CryptoError(what: "dry")) { try RSAKeyGenerator.generate(bits: 512, random: Failing()) }
    }

    @Test func theSieveFindsEveryPrimeBelowItsLimitAndNoOther() {
        let sieve = PrimeSieve.shared
        // 16411 is the first prime above 2^14.
        let rough = BigInteger.make { __gmpz_ui_pow_ui($0, 16411, 18) }
        #expect(!sieve.findsDivisor(of: rough))
        let missed = stride(from: UInt(3), to: 1 << 14, by: 2).filter { number in
            !sieve.findsDivisor(of: rough * BigInteger(number))
        }
        #expect(missed.isEmpty)
    }

    /// Numbers of the literature: strong pseudoprimes to all prime bases below the last, Carmichael numbers, primes.
    @Test func millerRabinKnowsItsWitnesses() {
        func passes(_ number: UInt, _ base: UInt) -> Bool {
            let candidate = BigInteger(number)
            return MillerRabin(candidate: candidate, previous: candidate - 1).passes(base: BigInteger(base))
        }
        #expect(passes(2047, 2) && !passes(2047, 3))
        #expect(passes(1_373_653, 2) && passes(1_373_653, 3) && !passes(1_373_653, 5))
        let bases: [UInt] = [2, 3, 5, 7]
        #expect(bases.allSatisfy { passes(3_215_031_751, $0) } && !passes(3_215_031_751, 11))
        for carmichael: UInt in [561, 1105, 1729, 8911] { #expect(!passes(carmichael, 2)) }
        for prime: UInt in [5, 7, 13, 17, 97, 65537, 4_294_967_291] {
            #expect((2..<min(prime - 1, 200)).allSatisfy { passes(prime, $0) })
        }
    }

    private func somePrime() throws -> BigInteger {
        try BigInteger(RSAKeyGenerator.generate(bits: 512, random: SeededRandom(seed: 77)).p)
    }
}

/// A seeded source that answers the draws named by their number with bytes of the test's.
private final class ScriptedRandom: RandomSource {
    private let script: [Int: [UInt8]]
    private let source = SeededRandom(seed: 5)
    private let count = Mutex(0)

    init(_ script: [Int: [UInt8]]) { self.script = script }

    var draws: Int { count.withLock { $0 } }

    func fill(_ buffer: UnsafeMutableRawBufferPointer) throws(CryptoError) {
        let number = count.withLock { count in
            defer { count += 1 }
            return count
        }
        if let bytes = script[number] { buffer.copyBytes(from: bytes) } else { try source.fill(buffer) }
    }
}

extension BigInteger {
    /// The bytes of the limbs as they lie in memory, for a number of 256 bits.
    fileprivate var limbBytes: [UInt8] {
        (0..<4).flatMap { limb in withUnsafeBytes(of: __gmpz_getlimbn(pointer, limb)) { Array($0) } }
    }
}
