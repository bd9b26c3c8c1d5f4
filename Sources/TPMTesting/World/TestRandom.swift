import Synchronization
import TPMCrypto

/// The random source of a TPM under test: a stream that follows from a seed, until a test breaks it.
public final class TestRandom: RandomSource {
    /// What is wrong with a random source.
    public enum Fault: Sendable, Equatable {
        /// Every draw begins again with the same bytes: all nonces are one nonce.
        case repeats
        /// Every draw fails, and with it the command that needs it (TPM_FAIL).
        case fails
    }

    fileprivate struct State {
        var fault: Fault?
        /// Where every draw of a source that repeats begins.
        var start: UInt64 = 0
    }

    private let source: SeededRandom
    private let state: Mutex<State>

    /// Equal seeds give equal streams.
    public convenience init(seed: [UInt8]) { self.init(SeededRandom(seed: seed), State()) }

    private init(_ source: SeededRandom, _ state: State) {
        self.source = source
        self.state = Mutex(state)
    }

    /// Nil for a source that works. When it works again, it goes on with the bytes that come next.
    public var fault: Fault? {
        get { state.withLock { $0.fault } }
        set {
            state.withLock { state in
                if newValue == .repeats, state.fault != .repeats { state.start = source.position }
                state.fault = newValue
            }
        }
    }

    public func fill(_ buffer: UnsafeMutableRawBufferPointer) throws(CryptoError) {
        let failure = state.withLock { state -> CryptoError? in
            switch state.fault {
            case .fails: return CryptoError(what: "the random source, as the test asked")
            case .repeats: source.position = state.start
            case nil: break
            }
            do throws(CryptoError) {
                try source.fill(buffer)
                return nil
            } catch { return error }
        }
        if let failure { throw failure }
    }

    // MARK: Copies

    /// Where a source stands.
    struct Place: Sendable {
        fileprivate let source: SeededRandom
        fileprivate let state: State
    }

    var place: Place {
        get { state.withLock { Place(source: source.copy(), state: $0) } }
        set {
            state.withLock { state in
                source.position = newValue.source.position
                state = newValue.state
            }
        }
    }

    /// One that goes on from there by itself, with the same seed.
    convenience init(_ place: Place) { self.init(place.source.copy(), place.state) }
}
