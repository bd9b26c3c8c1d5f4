import Synchronization
import TPMCrypto
import TPMEngine

/// The RSA keys of a TPM under test: those of ``PremadePrimes``, from a place that the seed chooses on, each once, and
/// then keys that are made from the seed.
public final class TestKeyPairs: KeyPairSource {
    fileprivate struct Kind: Hashable {
        let bits: Int
        let exponent: UInt32
    }

    /// How many keys of each kind were given.
    struct Given: Sendable {
        fileprivate var counts: [Kind: Int] = [:]
    }

    private let seed: [UInt8]
    private let first: Int
    private let state: Mutex<Given>

    /// Equal seeds give equal keys.
    public convenience init(seed: [UInt8]) {
        let start = UInt32(bigEndian: SHA1.hash(Array("first key".utf8), seed).bytes.prefix(4))
        self.init(seed: seed, first: Int(start))
    }

    /// - Parameter first: which of the keys that were made before comes first.
    package convenience init(startingAt first: Int) { self.init(seed: [], first: first) }

    private init(seed: [UInt8], first: Int, given: Given = Given()) {
        self.seed = seed
        self.first = first
        state = Mutex(given)
    }

    public func keyPair(bits: Int, exponent: UInt32) throws(CryptoError) -> RSAPrimes {
        let kind = Kind(bits: bits, exponent: exponent)
        let number = state.withLock { given in
            defer { given.counts[kind, default: 0] += 1 }
            return given.counts[kind, default: 0]
        }
        if exponent == PremadePrimes.exponent, let primes = PremadePrimes.of(bits: bits), number < primes.keyCount {
            return primes.key((first % primes.keyCount + number) % primes.keyCount)
        }
        let random = SeededRandom(seed: seed + Array(PremadePrimes.seed(bits, exponent, number).utf8))
        return try RSAKeyGenerator.generate(bits: bits, exponent: exponent, random: random)
    }

    // MARK: Copies

    var given: Given {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }

    /// One that goes on by itself with the keys that come next here.
    func copy() -> TestKeyPairs { TestKeyPairs(seed: seed, first: first, given: given) }
}
