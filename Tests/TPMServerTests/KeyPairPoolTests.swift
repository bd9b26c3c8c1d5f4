import Glibc
import TPMCrypto
import Testing

@testable import TPMServer

@Suite struct KeyPairPoolTests {
    @Test func keysAreMadeAheadAndGivenOnce() throws {
        let pool = KeyPairPool(capacity: 1)
        while pool.count == 0 { sched_yield() }
        let first = try pool.keyPair(bits: 2048, exponent: 65537)
        while pool.count == 0 { sched_yield() }
        let second = try pool.keyPair(bits: 2048, exponent: 65537)
        #expect(first.modulus.count == 256 && second.modulus.count == 256)
        #expect(first.modulus != second.modulus)
    }

    @Test func otherKeysAreMadeWhenAskedFor() throws {
        let pool = KeyPairPool(capacity: 0, random: SeededRandom(seed: [1]))
        #expect(try pool.keyPair(bits: 512, exponent: 65537).modulus.count == 64)
        #expect(try pool.keyPair(bits: 512, exponent: 3).exponent == 3)
        #expect(pool.count == 0)
    }

    @Test func aRandomSourceThatFailsIsToldToWhoAsks() {
        struct Broken: RandomSource {
            func fill(_ buffer: UnsafeMutableRawBufferPointer) throws(CryptoError) { throw CryptoError(what: "random") }
            func stir(_ bytes: [UInt8]) {}
        }
        let pool = KeyPairPool(capacity: 2, random: Broken())
        #expect(throws: CryptoError.self) { try pool.keyPair(bits: 2048, exponent: 65537) }
    }
}
