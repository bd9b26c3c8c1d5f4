import Foundation
import Glibc
import Synchronization
import TPMCrypto
import TPMEngine
import TPMServer

/// What a guest's TPM keeps, in the store of its host.
///
/// One of them at a time serves a guest: what it loads and saves needs the lock.
public final class GuestStateStore: SerialisedStateStore {
    private let store: Store
    private let guest: UUID
    private let lock = Mutex(Lock())

    private struct Lock {
        var isHeld = false
        /// What the guest was taken with, the last time.
        var hold: UInt64?
    }

    public init(_ store: Store, guest: UUID) {
        self.store = store
        self.guest = guest
    }

    deinit { release() }

    // MARK: One at a time

    public func lock(waiting milliseconds: Int, continues: Bool) throws(StoreError) {
        var remaining = milliseconds
        while true {
            switch tryLock(continues: continues) {
            case true?: return
            case nil: throw StoreFailure.notLocked(name).asStoreError
            case false?: break
            }
            guard remaining > 0 else { throw StoreFailure.served(name).asStoreError }
            usleep(10_000)
            remaining -= 10
        }
    }

    /// False while somebody else has the guest, nil when somebody else had it since.
    private func tryLock(continues: Bool) -> Bool? {
        lock.withLock { lock in
            if lock.isHeld { return true }
            if continues, let hold = lock.hold {
                let result = store.serving.take(guest, again: hold)
                lock.isHeld = result == true
                return result
            }
            guard let hold = store.serving.take(guest) else { return false }
            lock = Lock(isHeld: true, hold: hold)
            return true
        }
    }

    public func release() {
        lock.withLock { lock in
            if lock.isHeld, let hold = lock.hold { store.serving.giveBack(guest, hold) }
            lock.isHeld = false
        }
    }

    private var name: String { store.writer.look { $0.guests[guest]?.name } ?? guest.uuidString }

    private func checkLock() throws(StoreFailure) {
        guard lock.withLock({ $0.isHeld }) else { throw .notLocked(name) }
    }

    // MARK: The state

    public func load() throws(StoreError) -> TPMState? {
        guard let bytes = try loadRecord(.permanent) else { return nil }
        var plain = bytes.bytes
        defer { wipe(&plain) }
        do throws(StateFormatError) { return try TPMState(serialised: plain) } catch {
            throw StoreError("The stored state of the guest \(name) \(error). It was left as it is.")
        }
    }

    public func save(_ state: TPMState) throws(StoreError) { try saveRecord(try bytes(of: state), .permanent) }

    private func bytes(of state: TPMState) throws(StoreError) -> Secret {
        do { return try state.serialised() } catch {
            throw StoreError("The state of the guest \(name) \(error).")
        }
    }

    public func loadVolatile() throws(StoreError) -> Secret? { try loadRecord(.volatile) }

    public func saveVolatile(_ bytes: Secret?) throws(StoreError) { try saveRecord(bytes, .volatile) }

    // MARK: For an engine in another process

    public func loadSerialised() throws(StoreError) -> Secret? { try loadRecord(.permanent) }

    public func keepSerialised(_ bytes: Secret, then: @escaping @Sendable (StoreError?) -> Void) -> Kept {
        keep(bytes, .permanent, then)
    }

    // MARK: Without waiting

    /// The writer waits for the disk, for all guests at once.
    public var isQuick: Bool { true }

    public func keep(_ change: StateChange, then: @escaping @Sendable (StoreError?) -> Void) -> Kept {
        guard change.endsSuspension else { return keep(change.state, then) }
        let removal = keep(nil, .volatile) { [self] failure in
            if let failure { return then(failure) }
            switch keep(change.state, then) {
            case .durable: then(nil)
            case .failed(let failure): then(failure)
            case .later: break
            }
        }
        if case .durable = removal { return keep(change.state, then) }
        return removal
    }

    private func keep(_ state: TPMState?, _ then: @escaping @Sendable (StoreError?) -> Void) -> Kept {
        guard let state else { return .durable }
        do throws(StoreError) { return keep(try bytes(of: state), .permanent, then) } catch { return .failed(error) }
    }

    private func keep(
        _ bytes: Secret?, _ kind: RecordKind, _ then: @escaping @Sendable (StoreError?) -> Void
    ) -> Kept {
        do throws(StoreFailure) {
            try checkLock()
            let isBegun = try store.writer.save(bytes, as: RecordKey(guest: guest, kind: kind)) {
                then($0?.asStoreError)
            }
            return isBegun ? .later : .durable
        } catch { return .failed(error.asStoreError) }
    }

    private func loadRecord(_ kind: RecordKind) throws(StoreError) -> Secret? {
        do throws(StoreFailure) {
            try checkLock()
            return try store.writer.load(RecordKey(guest: guest, kind: kind))
        } catch { throw error.asStoreError }
    }

    private func saveRecord(_ bytes: Secret?, _ kind: RecordKind) throws(StoreError) {
        do throws(StoreFailure) {
            try checkLock()
            try store.writer.save(bytes, as: RecordKey(guest: guest, kind: kind))
        } catch { throw error.asStoreError }
    }
}
