import Dispatch
import GRDB
import Synchronization

/// Something that the thread of the store does for others.
struct StoreRequest: Sendable {
    enum Work: Sendable {
        /// A record of a guest, and its code.
        case record(RecordRow, ContentSum)
        /// Anything else that is written.
        case change(@Sendable (inout StoreDraft) throws -> Void)
        /// Reads beside the transactions.
        case read(@Sendable (Database) throws -> Void)
    }

    var work: Work
    let ticket = Ticket()

    var isRead: Bool {
        if case .read = work { true } else { false }
    }

    /// Lets as many as want wait for one request.
    final class Ticket: Sendable {
        private let done = DispatchGroup()
        private let failure = Mutex<StoreFailure?>(nil)

        init() { done.enter() }

        /// To be called once.
        func finish(_ failure: StoreFailure? = nil) {
            self.failure.withLock { $0 = failure }
            done.leave()
        }

        /// Returns when the request was done, or throws why it was not.
        func wait() throws(StoreFailure) {
            done.wait()
            if let failure = failure.withLock({ $0 }) { throw failure }
        }
    }
}

/// Takes what a closure finds on another thread.
final class Slot<Value: Sendable>: Sendable {
    private let contents = Mutex<Value?>(nil)

    var value: Value? {
        get { contents.withLock { $0 } }
        set { contents.withLock { $0 = newValue } }
    }
}
