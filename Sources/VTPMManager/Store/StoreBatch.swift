import Dispatch
import GRDB
import Synchronization

/// What waits to be written in one transaction.
struct StoreBatch: Sendable {
    enum Work: Sendable {
        /// A record of a guest, and its code.
        case record(RecordRow, ContentSum)
        case change(@Sendable (inout StoreDraft) throws -> Void)
    }

    private(set) var work: [Work] = []
    /// Where in `work` a record is.
    private var records: [RecordKey: Int] = [:]
    let outcome = Outcome()

    var isEmpty: Bool { work.isEmpty }

    mutating func add(_ change: Work) -> Place {
        work.append(change)
        return Place(outcome: outcome, index: work.count - 1)
    }

    /// Adds a record, unless a later version of it is here; takes the place of an earlier one.
    mutating func add(_ row: RecordRow, code: ContentSum) -> Place {
        if let (version, place) = find(row.key) {
            if version < row.version { work[place.index] = .record(row, code) }
            return place
        }
        records[row.key] = work.count
        return add(.record(row, code))
    }

    /// The version of a record that is here, and its place.
    func find(_ key: RecordKey) -> (version: Int64, place: Place)? {
        guard let index = records[key], case .record(let row, _) = work[index] else { return nil }
        return (row.version, Place(outcome: outcome, index: index))
    }

    /// Where somebody waits for what is written for him.
    struct Place: Sendable {
        fileprivate let outcome: Outcome
        fileprivate let index: Int

        /// Returns when it is on disk, or throws why it is not.
        func wait() throws(StoreFailure) { try outcome.wait(for: index) }

        /// Has `then` told when it is on disk, or why it is not, on the thread of the store. To be called under the lock
        /// of the writer.
        func tell(_ then: @escaping @Sendable (StoreFailure?) -> Void) { outcome.listeners.append((index, then)) }
    }

    /// What became of a transaction, for all who wait for it at once: to wake them one by one costs more than to write for
    /// them. Who is told costs least.
    ///
    /// The results are written once, before the group is left, and read after it was. Nobody comes to listen after the
    /// writer has dropped the transaction, under its lock.
    final class Outcome: @unchecked Sendable {
        private let done = DispatchGroup()
        fileprivate var listeners: [(index: Int, then: @Sendable (StoreFailure?) -> Void)] = []
        private var failure: StoreFailure?
        private var refusals: [Int: StoreFailure] = [:]

        init() { done.enter() }

        /// Lets go those who wait; one of these is to be called, once.
        func fail(_ failure: StoreFailure) {
            self.failure = failure
            leave()
        }

        /// - Parameter refusals: what was not written, by place, and why.
        func succeed(but refusals: [Int: StoreFailure]) {
            self.refusals = refusals
            leave()
        }

        private func leave() {
            done.leave()
            for (index, then) in listeners { then(failure ?? refusals[index]) }
            listeners = []
        }

        fileprivate func wait(for index: Int) throws(StoreFailure) {
            done.wait()
            if let failure { throw failure }
            if let refusal = refusals[index] { throw refusal }
        }
    }
}

/// Something that is read between transactions.
final class StoreRead: @unchecked Sendable {
    private let body: @Sendable (Database) throws -> Void
    private let done = DispatchSemaphore(value: 0)
    /// Written once, before the semaphore is raised, and read after.
    private var failure: StoreFailure?

    init(_ body: @escaping @Sendable (Database) throws -> Void) { self.body = body }

    /// To be called once.
    func run(on file: StoreFile) {
        do throws(StoreFailure) { try file.read(body) } catch { failure = error }
        done.signal()
    }

    /// In place of ``run(on:)``.
    func fail(_ failure: StoreFailure) {
        self.failure = failure
        done.signal()
    }

    /// For the one who asked.
    func wait() throws(StoreFailure) {
        done.wait()
        if let failure { throw failure }
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

/// Makes a call that answers later into one that waits.
enum Awaited {
    /// What `call` hands to the closure that it gets, which it calls once.
    static func answer<Value: Sendable>(_ call: (@escaping @Sendable (Value?) -> Void) -> Void) -> Value? {
        let answer = Slot<Value>()
        let done = DispatchSemaphore(value: 0)
        call { value in
            answer.value = value
            done.signal()
        }
        done.wait()
        return answer.value
    }
}
