import Synchronization
import TPMServer

/// Has what comes often done once, and not more often than is good for others: a guest may write its entries of the xenstore
/// without end.
final class Pending: Sendable {
    private let state = Mutex(State())

    private struct State {
        var isScheduled = false
        var allowance = Allowance(200, oneMoreAfter: 1)
    }

    /// After how many milliseconds it is to be done; nil when that is arranged already.
    func begin() -> Int? {
        state.withLock { state in
            guard !state.isScheduled else { return nil }
            state.isScheduled = true
            return state.allowance.take() ? 0 : 100
        }
    }

    /// It is being done; what comes from now on has it done again.
    func begun() { state.withLock { $0.isScheduled = false } }
}
