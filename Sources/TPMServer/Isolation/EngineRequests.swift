import Synchronization
import TPMCrypto
import TPMEngine
import TPMWire

/// Does what a guest's engine asks of its manager. It has the store of that guest and no other, so an engine that was taken
/// over can put back or spoil its own TPM's state, and nothing else.
///
/// Some requests block, on whatever thread it is called; it takes one at a time.
final class EngineRequests: Sendable {
    private let store: any SerialisedStateStore
    private let keys: KeyPairPool?
    private let whenStoreChanges: (@Sendable (StoreError?) -> Void)?
    private let allowance: Mutex<Allowance>
    private let isFailing = Atomic(false)

    /// Keys for an owner and some users at once, and then one a time.
    static let keysAtOnce = 16
    static let secondsForAKey: UInt64 = 5
    /// How long an engine may wait for the store, in milliseconds.
    private static let longestWait: UInt32 = 10_000

    /// - Parameter keys: nil for none.
    init(
        store: any SerialisedStateStore, keys: KeyPairPool?, whenStoreChanges: (@Sendable (StoreError?) -> Void)?
    ) {
        self.store = store
        self.keys = keys
        self.whenStoreChanges = whenStoreChanges
        allowance = Mutex(Allowance(Self.keysAtOnce, oneMoreAfter: Self.secondsForAKey))
    }

    /// Does it, and calls `done` with the answer, once and on any thread.
    func answer(_ request: StoreRequest, _ body: Secret, _ done: @escaping @Sendable (EngineAnswer) -> Void) {
        do throws(StoreError) {
            switch request {
            case .lock: try lock(body)
            case .release: store.release()
            case .load: return done(.done(try Self.fitting(try store.loadSerialised())))
            case .save: return try save(body, done)
            case .loadVolatile: return done(.done(try Self.fitting(try store.loadVolatile())))
            case .saveVolatile: try saveVolatile(body)
            case .keyPair: return done(.done(keyPair()))
            }
            done(.done)
        } catch { done(.failed(error)) }
    }

    /// After the engine ended: what it held, the next may have.
    func release() { store.release() }

    private func lock(_ body: Secret) throws(StoreError) {
        let bytes = body.bytes
        guard bytes.count == 5, let continues = bytes.last else { throw StoreError("The engine's request is not one.") }
        let milliseconds = min(UInt32(bigEndian: bytes.prefix(4)), Self.longestWait)
        try store.lock(waiting: Int(milliseconds), continues: continues != 0)
    }

    private func save(_ body: Secret, _ done: @escaping @Sendable (EngineAnswer) -> Void) throws(StoreError) {
        // Not what it says, which is the engine's own affair, but that it is a state, and whole.
        do throws(StateFormatError) {
            try body.withArray { bytes throws(StateFormatError) in try StateFormat.permanent.check(bytes) }
        } catch {
            throw StoreError("What the engine sent as its state \(error).")
        }
        let note: @Sendable (StoreError?) -> Void = { [self] failure in
            tell(failure)
            done(failure.map { .failed($0) } ?? .done)
        }
        switch store.keepSerialised(body, then: note) {
        case .durable: note(nil)
        case .failed(let failure): note(failure)
        case .later: break
        }
    }

    private func saveVolatile(_ body: Secret) throws(StoreError) {
        do throws(StoreError) { try store.saveVolatile(body.count == 0 ? nil : body) } catch {
            tell(error)
            throw error
        }
    }

    private func keyPair() -> Secret {
        guard allowance.withLock({ $0.take() }), let pair = keys?.ready() else { return Secret(count: 0) }
        return Secret(pair.modulus) + pair.p + pair.q
    }

    /// Tells that the store began to fail, or works again.
    private func tell(_ failure: StoreError?) {
        let isNews = isFailing.exchange(failure != nil, ordering: .relaxed) != (failure != nil)
        if isNews { whenStoreChanges?(failure) }
    }

    private static func fitting(_ state: Secret?) throws(StoreError) -> Secret {
        guard let state else { return Secret(count: 0) }
        guard state.count <= EngineFrame.maximumState else {
            throw StoreError("The stored state has \(state.count) bytes, which no engine in a child process takes.")
        }
        return state
    }
}
