import Synchronization
import TPMCrypto
import TPMEngine
import TPMServer
import TPMWire

/// What happens to the store of a TPM under test. Writes are counted from when the fault is set; the next is number 1,
/// and a smaller number means it too.
public enum StoreFault: Sendable, Equatable {
    /// The power goes as a write begins: nothing of it is stored, and the command that caused it is not answered.
    case powerLostBefore(write: Int)
    /// The power goes when a write is done: it is stored, and the command that caused it is not answered.
    case powerLostAfter(write: Int)
    /// So many writes fail, and what caused them answers so: TPM_NOSPACE is a full disk, TPM_FAIL any other trouble.
    case failing(times: Int, TPMResult = .fail)
}

/// Where a TPM under test keeps what outlives power: in memory, with faults.
final class TestStore: StateStore {
    /// What the store has and what will happen to it, as a value.
    struct Contents: Sendable {
        var state: TPMState?
        var volatile: Secret?
        var fault: StoreFault?
        /// How many writes there were, those that failed too.
        var writes = 0
        /// True from when a write took the power until somebody asks.
        var hasLostPower = false
    }

    private let storage: Mutex<Contents>

    init(_ contents: Contents = Contents()) { storage = Mutex(contents) }

    var contents: Contents {
        get { storage.withLock { $0 } }
        set { storage.withLock { $0 = newValue } }
    }

    var fault: StoreFault? {
        get { storage.withLock { $0.fault } }
        set { storage.withLock { $0.fault = newValue } }
    }

    /// True when a write took the power since this was asked last.
    func takePowerLoss() -> Bool {
        storage.withLock { contents in
            defer { contents.hasLostPower = false }
            return contents.hasLostPower
        }
    }

    // MARK: StateStore

    var isQuick: Bool { true }

    func lock(waiting milliseconds: Int, continues: Bool) {}

    func release() {}

    func load() -> TPMState? { storage.withLock { $0.state } }

    func save(_ state: TPMState) throws(StoreError) {
        let failure = storage.withLock { contents -> StoreError? in
            contents.writes += 1
            guard let fault = contents.fault else {
                contents.state = state
                return nil
            }
            return contents.meet(fault, state)
        }
        if let failure { throw failure }
    }

    func loadVolatile() -> Secret? { storage.withLock { $0.volatile } }

    func saveVolatile(_ bytes: Secret?) { storage.withLock { $0.volatile = bytes } }
}

extension TestStore.Contents {
    /// A write while there is a fault; returns why it failed.
    fileprivate mutating func meet(_ fault: StoreFault, _ state: TPMState) -> StoreError? {
        switch fault {
        case .powerLostBefore(let write) where write <= 1, .powerLostAfter(let write) where write <= 1:
            self.fault = nil
            hasLostPower = true
            if case .powerLostAfter = fault { self.state = state }
            return StoreError("The power is gone, as the test asked.")
        case .failing(let times, let result) where times >= 1:
            self.fault = times == 1 ? nil : .failing(times: times - 1, result)
            return StoreError("The store fails, as the test asked.", result: result)
        case .powerLostBefore(let write): self.fault = .powerLostBefore(write: write - 1)
        case .powerLostAfter(let write): self.fault = .powerLostAfter(write: write - 1)
        case .failing: self.fault = nil
        }
        self.state = state
        return nil
    }
}
