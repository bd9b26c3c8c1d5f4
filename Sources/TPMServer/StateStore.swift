import Dispatch
import Synchronization
import TPMCrypto
import TPMEngine
import TPMWire

/// Keeps what a TPM must not lose when the power goes, for one process at a time.
public protocol StateStore: Sendable {
    /// True when ``keep(_:then:)`` takes no longer than a short command: there is no disk, or nobody waits for it there.
    var isQuick: Bool { get }

    /// Keeps every other process off until ``release()``. It has no effect on a store that is locked.
    ///
    /// - Parameters:
    ///   - milliseconds: how long to wait for another process to release it; throws when that stays.
    ///   - continues: what this process has in memory has to be still true: throws when another process had the store
    ///     since this one released it.
    func lock(waiting milliseconds: Int, continues: Bool) throws(StoreError)

    /// Lets another process have the store.
    func release()

    /// What was saved last; nil for a TPM that was never saved.
    func load() throws(StoreError) -> TPMState?

    /// Returns when `state` would survive a power cut, or throws: then either the last state or this one is there.
    func save(_ state: TPMState) throws(StoreError)

    /// The volatile state of a TPM that was suspended, as ``TPM/serialisedVolatile(at:)`` wrote it; nil without one.
    func loadVolatile() throws(StoreError) -> Secret?

    /// Keeps the volatile state beside the other, or removes it, so that it would survive a power cut.
    func saveVolatile(_ bytes: Secret?) throws(StoreError)

    /// Makes a change durable. A store that can goes on with it when this returns, and calls `then`, once and on any
    /// thread, with why it failed or nil: no thread waits for the disk then. One change of a TPM at a time.
    func keep(_ change: StateChange, then: @escaping @Sendable (StoreError?) -> Void) -> Kept
}

/// What is to be durable before a command is answered. Of one that fails each part is there or not.
public struct StateChange: Sendable {
    /// Nil when that did not change.
    public let state: TPMState?
    /// True when a volatile state that is there is of the past.
    public let endsSuspension: Bool

    public init(state: TPMState?, endsSuspension: Bool = false) {
        self.state = state
        self.endsSuspension = endsSuspension
    }
}

/// What became of a change.
public enum Kept: Sendable {
    /// It would survive a power cut.
    case durable
    case failed(StoreError)
    /// It will be told.
    case later
}

extension StateStore {
    public var isQuick: Bool { false }

    public func keep(_ change: StateChange, then: @escaping @Sendable (StoreError?) -> Void) -> Kept {
        do throws(StoreError) {
            if change.endsSuspension { try saveVolatile(nil) }
            if let state = change.state { try save(state) }
            return .durable
        } catch { return .failed(error) }
    }

    /// Waits for it, and returns why it failed.
    func keep(_ change: StateChange) -> StoreError? {
        let failure = Mutex<StoreError?>(nil)
        let isTold = DispatchSemaphore(value: 0)
        let kept = keep(change) { told in
            failure.withLock { $0 = told }
            isTold.signal()
        }
        switch kept {
        case .durable: return nil
        case .failed(let failure): return failure
        case .later:
            isTold.wait()
            return failure.withLock { $0 }
        }
    }
}

/// The store of a TPM that goes with the process.
final class EphemeralStore: StateStore {
    private let contents = Mutex<(state: TPMState?, volatile: Secret?)>((nil, nil))

    var isQuick: Bool { true }

    func lock(waiting milliseconds: Int, continues: Bool) {}

    func release() {}

    func load() -> TPMState? { contents.withLock { $0.state } }

    func save(_ state: TPMState) { contents.withLock { $0.state = state } }

    func loadVolatile() -> Secret? { contents.withLock { $0.volatile } }

    func saveVolatile(_ bytes: Secret?) { contents.withLock { $0.volatile = bytes } }
}

/// Why a state cannot be served or kept, as a sentence that names the file and says what to do.
public struct StoreError: Error, CustomStringConvertible {
    public let description: String
    /// What a command or a control channel answers; TPM_NOSPACE for a disk without room.
    public let result: TPMResult

    public init(_ description: String, result: TPMResult = .fail) {
        self.description = description
        self.result = result
    }
}
