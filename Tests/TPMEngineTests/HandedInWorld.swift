import Synchronization
import TPMCrypto

@testable import TPMEngine

/// A clock that stands still until a test turns it.
final class HandClock: MonotonicClock {
    private let now = Mutex<UInt64>(0)

    var microseconds: UInt64 { now.withLock { $0 } }

    func advance(seconds: UInt64) { now.withLock { $0 += seconds * 1_000_000 } }
    func advance(microseconds: UInt64) { now.withLock { $0 += microseconds } }
}

/// Key pairs made once a process from fixed seeds and handed out in turn, so that a test that creates keys is fast.
///
/// After ``count`` pairs of one size they repeat.
final class PremadeKeyPairs: KeyPairSource {
    private struct Kind: Hashable {
        let bits: Int
        let exponent: UInt32
    }

    private static let count = 8
    private static let made = Mutex<[Kind: [RSAPrimes]]>([:])
    private let first: Int
    private let given = Mutex<[Kind: Int]>([:])

    /// - Parameter first: which pair of each size is handed out first.
    init(startingAt first: Int = 0) { self.first = first }

    func keyPair(bits: Int, exponent: UInt32) throws(CryptoError) -> RSAPrimes {
        let kind = Kind(bits: bits, exponent: exponent)
        let number = given.withLock { given in
            defer { given[kind, default: 0] += 1 }
            return (first + given[kind, default: 0]) % Self.count
        }
        let pair = Self.made.withLock { made -> RSAPrimes? in
            while made[kind, default: []].count <= number {
                let seed = "key pair \(bits) \(exponent) \(made[kind, default: []].count)"
                guard
                    let pair = try? RSAKeyGenerator.generate(
                        bits: bits, exponent: exponent, random: SeededRandom(seed: Array(seed.utf8)))
                else { return nil }
                made[kind, default: []].append(pair)
            }
            return made[kind]?[number]
        }
        guard let pair else { throw CryptoError(what: "no such key pair") }
        return pair
    }
}

/// A random source that works until it is told to break down.
final class BreakableRandom: RandomSource {
    private let source: SeededRandom
    private let broken = Mutex(false)

    init(seed: String) { source = SeededRandom(seed: Array(seed.utf8)) }

    func breakDown() { broken.withLock { $0 = true } }

    func fill(_ buffer: UnsafeMutableRawBufferPointer) throws(CryptoError) {
        if broken.withLock({ $0 }) { throw CryptoError(what: "broken random source") }
        try source.fill(buffer)
    }
}
