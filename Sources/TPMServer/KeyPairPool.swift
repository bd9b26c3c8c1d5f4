import Dispatch
import Glibc
import Synchronization
import TPMCrypto
import TPMEngine

/// Makes RSA keys of the usual kind ahead, on a thread of low priority, so that a command that needs one does not
/// wait for its primes. Other kinds, and more than there are, are made when asked for.
///
/// A pool is shared by as many TPMs as there are. Keys that nobody took are wiped with it.
public final class KeyPairPool: KeyPairSource {
    private let stock: Stock
    private let generator: GeneratedKeyPairs

    /// - Parameter capacity: how many keys to keep.
    public init(capacity: Int, random: any RandomSource = SystemRandom()) {
        generator = GeneratedKeyPairs(random: random)
        stock = Stock(generator)
        guard capacity > 0 else { return }
        for _ in 0..<capacity { stock.wanted.signal() }
        stock.startMaking()
    }

    deinit { stock.close() }

    public func keyPair(bits: Int, exponent: UInt32) throws(CryptoError) -> RSAPrimes {
        if bits == Stock.bits, exponent == Stock.exponent, let pair = stock.take() { return pair }
        return try generator.keyPair(bits: bits, exponent: exponent)
    }

    /// A key of 2048 bits with the exponent 65537, if one is ready.
    func ready() -> RSAPrimes? { stock.take() }

    /// How many keys are ready.
    public var count: Int { stock.count }
}

/// The keys that are ready; it outlives the pool until its thread has ended.
private final class Stock: Sendable {
    static let bits = 2048
    static let exponent: UInt32 = 65537

    private struct Contents {
        var pairs: [RSAPrimes] = []
        var isClosed = false
    }

    private let contents = Mutex(Contents())
    private let generator: GeneratedKeyPairs
    /// Counts the free places.
    let wanted = DispatchSemaphore(value: 0)

    init(_ generator: GeneratedKeyPairs) { self.generator = generator }

    var count: Int { contents.withLock { $0.pairs.count } }

    func take() -> RSAPrimes? {
        let pair = contents.withLock { $0.pairs.popLast() }
        if pair != nil { wanted.signal() }
        return pair
    }

    func close() {
        contents.withLock { contents in
            contents.isClosed = true
            contents.pairs = []
        }
        wanted.signal()
    }

    func startMaking() {
        var thread = pthread_t()
        let status = pthread_create(
            &thread, nil,
            { context in
                if let context { Unmanaged<Stock>.fromOpaque(context).takeRetainedValue().make() }
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
        if status == 0 {
            pthread_detach(thread)
        } else {
            // Then every key is made when asked for.
            Unmanaged.passUnretained(self).release()
        }
    }

    /// Fills the free places until the pool closes, or the random source fails: then whoever asks for a key hears why.
    private func make() {
        // On Linux 0 is the thread that calls, not the process.
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 10)
        while true {
            wanted.wait()
            guard !contents.withLock({ $0.isClosed }) else { return }
            do throws(CryptoError) {
                let pair = try generator.keyPair(bits: Self.bits, exponent: Self.exponent)
                contents.withLock { contents in
                    if !contents.isClosed { contents.pairs.append(pair) }
                }
            } catch { return }
        }
    }
}
