import Dispatch
import Foundation
import GRDB
import Synchronization
import TPMCrypto

/// The one thread that touches the database. What waits when it comes round goes into one transaction, so one sync of
/// the disk serves all of it; whoever asked waits for that.
///
/// At most one record of a kind waits for a guest, and one request for each thread that waits: there is no queue that
/// grows. When the disk fails, those who wait hear it, and the thread tries again with the next request, on a database
/// opened anew if need be.
final class StoreWriter: Sendable {
    let directory: String
    let keys: StoreKeys
    private let state: Mutex<State>
    private let wake = DispatchSemaphore(value: 0)
    private let ended = DispatchGroup()

    /// What all threads see.
    struct State: Sendable {
        /// Only the thread of the store changes it.
        fileprivate(set) var contents: StoreContents
        /// What was handed out of the chain for the hardware TPM and not confirmed.
        fileprivate var handedOut: ChainEntry?
        /// The last version that was given to a record, written or not.
        fileprivate var issued: [RecordKey: Int64] = [:]
        fileprivate var groupKeys: [UUID: Secret] = [:]
        fileprivate var guestKeys: [UUID: Secret] = [:]
        fileprivate var waiting: [StoreRequest] = []
        /// Where in `waiting` a record is.
        fileprivate var waitingRecords: [RecordKey: Int] = [:]
        /// The records in the transaction under way.
        fileprivate var underWay: [RecordKey: InTransaction] = [:]
        fileprivate var isClosed = false
    }

    fileprivate struct InTransaction: Sendable {
        let version: Int64
        let ticket: StoreRequest.Ticket
    }

    /// Starts the thread on a file whose contents were read and checked.
    init(_ file: StoreFile, _ contents: StoreContents, _ keys: StoreKeys) {
        directory = file.directory
        self.keys = keys
        state = Mutex(State(contents: contents))
        ended.enter()
        let thread = Thread { [self] in serve(file) }
        thread.name = "vtpm store"
        thread.start()
    }

    /// Finishes what waits, closes the file, and refuses all that follows.
    func close() {
        state.withLock { $0.isClosed = true }
        wake.signal()
        ended.wait()
    }

    // MARK: Looking

    /// What is committed.
    func look<T: Sendable>(_ body: (StoreContents) -> T) -> T { state.withLock { body($0.contents) } }

    /// Runs `body` with the database, between transactions.
    func read<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) throws(StoreFailure) -> T {
        let slot = Slot<T>()
        try ask(.read { slot.value = try body($0) })
        guard let value = slot.value else { throw .closed }
        return value
    }

    /// How many requests wait for the thread.
    var waitingCount: Int { state.withLock { $0.waiting.count } }

    /// The last version that was given to a record, written or not.
    func issuedVersion(of key: RecordKey) -> Int64 {
        state.withLock { $0.lastVersion(of: key) }
    }

    // MARK: Keys

    func open(group: UUID, key: Secret) { state.withLock { $0.groupKeys[group] = key } }

    func close(group: UUID) {
        state.withLock { state in
            state.groupKeys[group] = nil
            for guest in state.contents.guests.values where guest.group == group { state.guestKeys[guest.id] = nil }
        }
    }

    func isOpen(group: UUID) -> Bool { state.withLock { $0.groupKeys[group] != nil } }

    func groupKey(_ row: GroupRow) throws(StoreFailure) -> Secret {
        guard let key = state.withLock({ $0.groupKeys[row.id] }) else { throw .groupClosed(row.name) }
        return key
    }

    private func guestKey(_ guest: UUID) throws(StoreFailure) -> Secret {
        let (row, group, known) = state.withLock { state in
            let row = state.contents.guests[guest]
            return (row, row.flatMap { state.contents.groups[$0.group] }, state.guestKeys[guest])
        }
        guard let row, let group else { throw .noGuest(guest.uuidString) }
        if let known { return known }
        let label = Label(kind: .guestKey, owner: guest, version: 1)
        guard let key = Sealing.open(row.wrappedKey, under: try groupKey(group), as: label) else {
            throw .altered(directory, detail: "the key of the guest \(row.name)")
        }
        state.withLock { state in
            if state.groupKeys[row.group] != nil, state.contents.guests[guest] != nil { state.guestKeys[guest] = key }
        }
        return key
    }

    // MARK: Records

    /// What was saved last; nil for what was never saved, or removed.
    func load(_ key: RecordKey) throws(StoreFailure) -> Secret? {
        let guestKey = try guestKey(key.guest)
        let row = try read { [self] db in
            let row = try RecordRow.fetch(key, in: db)
            // The file may have been changed since it was opened and checked.
            guard row?.code(keys) == look({ $0.records[key]?.code }) else {
                throw RowError(what: "a record of the guest \(key.guest)", isForgery: true)
            }
            return row
        }
        guard let row, let sealed = row.sealed else { return nil }
        guard let plain = Sealing.open(sealed, under: guestKey, as: key.label(row.version)) else {
            throw .altered(directory, detail: "a record of the guest \(key.guest)")
        }
        return plain
    }

    /// Returns when the record, or that it was removed, is on disk. A later save of the same record may go instead.
    func save(_ plain: Secret?, as key: RecordKey) throws(StoreFailure) {
        let guestKey = try guestKey(key.guest)
        if let plain, plain.count > StoreLimits.recordSize {
            throw .tooLarge(bytes: plain.count, limit: StoreLimits.recordSize)
        }
        if plain == nil, isAbsent(key) { return }
        let row = try seal(plain, as: key, under: guestKey)
        guard let ticket = try enqueue(row, code: row.code(keys)) else { return }
        try ticket.wait()
    }

    /// True when the record is not there, and nobody is about to write it.
    private func isAbsent(_ key: RecordKey) -> Bool {
        state.withLock { state in
            state.waitingRecords[key] == nil && state.underWay[key] == nil
                && state.contents.records[key]?.isRemoved ?? true
        }
    }

    /// A record with a version that no other has or had.
    private func seal(_ plain: Secret?, as key: RecordKey, under guestKey: Secret) throws(StoreFailure) -> RecordRow {
        let (version, overflow) = state.withLock { state in
            let next = state.lastVersion(of: key).addingReportingOverflow(1)
            if !next.overflow { state.issued[key] = next.partialValue }
            return next
        }
        guard !overflow else { throw .cryptography("the versions of a record ran out") }
        guard let plain else { return RecordRow(key: key, version: version, sealed: nil) }
        return RecordRow(
            key: key, version: version, sealed: try Sealing.seal(plain, under: guestKey, as: key.label(version)))
    }

    /// Nil when a later version is on disk already.
    private func enqueue(_ row: RecordRow, code: ContentSum) throws(StoreFailure) -> StoreRequest.Ticket? {
        let result: Result<StoreRequest.Ticket?, StoreFailure> = state.withLock { state in
            guard !state.isClosed else { return .failure(.closed) }
            if let index = state.waitingRecords[row.key], case .record(let other, _) = state.waiting[index].work {
                if other.version < row.version { state.waiting[index].work = .record(row, code) }
                return .success(state.waiting[index].ticket)
            }
            if let other = state.underWay[row.key] {
                if other.version > row.version { return .success(other.ticket) }
            } else if let entry = state.contents.records[row.key], entry.version > row.version {
                return .success(nil)
            }
            state.waitingRecords[row.key] = state.waiting.count
            return .success(add(.record(row, code), to: &state))
        }
        return try result.get()
    }

    // MARK: Other changes

    /// Returns when what `body` wrote is on disk. It runs on the thread of the store, and checks all before it writes.
    func change(_ body: @escaping @Sendable (inout StoreDraft) throws -> Void) throws(StoreFailure) {
        try ask(.change(body))
    }

    private func ask(_ work: StoreRequest.Work) throws(StoreFailure) {
        guard let ticket = state.withLock({ $0.isClosed ? nil : add(work, to: &$0) }) else { throw .closed }
        try ticket.wait()
    }

    private func add(_ work: StoreRequest.Work, to state: inout State) -> StoreRequest.Ticket {
        let request = StoreRequest(work: work)
        if state.waiting.isEmpty { wake.signal() }
        state.waiting.append(request)
        return request.ticket
    }

    // MARK: Checkpoints

    /// What the hardware TPM is to remember next; nil when it has the last commit. What was handed out before and not
    /// confirmed comes first, for the TPM may have it, and the chain keeps the entry until it hears.
    func nextCheckpoint() -> Checkpoint? {
        state.withLock { state in
            if let handedOut = state.handedOut { return handedOut.checkpoint }
            let last = state.contents.chain.last
            guard last.checkpoint != state.contents.chain.confirmed else { return nil }
            state.handedOut = last
            return last.checkpoint
        }
    }

    /// Drops the part of the chain before a checkpoint that the hardware TPM has.
    func confirm(_ checkpoint: Checkpoint) throws(StoreFailure) {
        try change { try $0.confirm(checkpoint) }
        state.withLock { state in
            if let other = state.handedOut, other.checkpoint.sequence <= checkpoint.sequence { state.handedOut = nil }
        }
    }

    // MARK: The thread

    /// What only the thread of the store has.
    private struct Session {
        /// Nil after the disk failed.
        var file: StoreFile?
        /// The commit that failed when the disk did, and may be there all the same.
        var doubtful: ChainEntry?
    }

    private func serve(_ file: StoreFile) {
        var session = Session(file: file)
        while let batch = next() { serve(batch, &session) }
        session.file?.close()
        ended.leave()
    }

    /// Waits for requests; nil when there will be none.
    private func next() -> [StoreRequest]? {
        while true {
            wake.wait()
            let (batch, isClosed) = state.withLock { state in
                let batch = state.waiting
                state.waiting = []
                state.waitingRecords = [:]
                for request in batch {
                    if case .record(let row, _) = request.work {
                        state.underWay[row.key] = InTransaction(version: row.version, ticket: request.ticket)
                    }
                }
                return (batch, state.isClosed)
            }
            if !batch.isEmpty {
                // Closing is noticed again behind the batch.
                if isClosed { wake.signal() }
                return batch
            }
            if isClosed { return nil }
        }
    }

    private func serve(_ batch: [StoreRequest], _ session: inout Session) {
        let file: StoreFile
        do throws(StoreFailure) { file = try reopened(&session) } catch { return fail(batch, error) }
        for request in batch { if case .read(let body) = request.work { finish(request, reading: file, body) } }
        let writes = batch.filter { !$0.isRead }
        guard !writes.isEmpty else { return }
        do throws(StoreFailure) {
            let refusals = try commit(writes, to: file, &session)
            for (request, refusal) in zip(writes, refusals) { request.ticket.finish(refusal) }
        } catch { fail(writes, error) }
    }

    private func fail(_ requests: [StoreRequest], _ failure: StoreFailure) {
        state.withLock { $0.underWay = [:] }
        for request in requests { request.ticket.finish(failure) }
    }

    private func finish(_ request: StoreRequest, reading file: StoreFile, _ body: (Database) throws -> Void) {
        do throws(StoreFailure) {
            try file.read(body)
            request.ticket.finish()
        } catch { request.ticket.finish(error) }
    }

    /// Returns for each request why it was refused, or nil. Throws when the disk failed: then none was done.
    private func commit(
        _ requests: [StoreRequest], to file: StoreFile, _ session: inout Session
    ) throws(StoreFailure) -> [StoreFailure?] {
        var refusals = [StoreFailure?](repeating: nil, count: requests.count)
        let changes: StoreDraft.Changes
        var attempted: ChainEntry?
        do throws(StoreFile.FailedTransaction) {
            changes = try transact(requests, on: file, &attempted, &refusals)
        } catch {
            if !error.isUndone {
                file.close()
                session = Session(file: nil, doubtful: attempted)
            }
            throw error.reason
        }
        state.withLock { state in
            state.contents.apply(changes)
            state.underWay = [:]
            for (id, row) in changes.guests where row == nil { state.forget(guest: id) }
            for (id, row) in changes.groups where row == nil { state.groupKeys[id] = nil }
        }
        return refusals
    }

    // Apart from `commit`, so that nothing refers to the old contents any more when they are changed.
    private func transact(
        _ requests: [StoreRequest], on file: StoreFile, _ attempted: inout ChainEntry?,
        _ refusals: inout [StoreFailure?]
    ) throws(StoreFile.FailedTransaction) -> StoreDraft.Changes {
        let (contents, handedOut) = state.withLock { ($0.contents, $0.handedOut) }
        return try file.transaction { db in
            var draft = StoreDraft(db, keys, over: contents, handedOut: handedOut)
            for (index, request) in requests.enumerated() {
                do {
                    switch request.work {
                    case .record(let row, let code):
                        _ = try draft.guest(row.key.guest)
                        try draft.put(row, code: code)
                    case .change(let body): try body(&draft)
                    case .read: break
                    }
                } catch let refusal as StoreFailure {
                    refusals[index] = refusal
                }
            }
            attempted = try draft.seal()
            return draft.changes
        }
    }

    /// The file, opened anew if the disk failed since. It has to be the one that it was.
    private func reopened(_ session: inout Session) throws(StoreFailure) -> StoreFile {
        if let file = session.file { return file }
        let file = try StoreFile(opening: directory)
        do throws(StoreFailure) {
            var contents = try StoreContents(file, keys)
            let old = look { $0.chain }
            guard contents.chain.last == old.last || contents.chain.last == session.doubtful else {
                throw .altered(directory, detail: "it was replaced while it was in use")
            }
            // A sync that failed may have left a hole in the log that no later sync fills, and whatever is appended
            // behind a hole is lost with the power.
            try file.emptyLog()
            contents.chain.confirmed = old.confirmed
            state.withLock { $0.contents = contents }
        } catch {
            file.close()
            throw error
        }
        session = Session(file: file)
        return file
    }
}

extension StoreWriter.State {
    fileprivate func lastVersion(of key: RecordKey) -> Int64 {
        max(issued[key] ?? 0, contents.records[key]?.version ?? 0)
    }

    fileprivate mutating func forget(guest: UUID) {
        guestKeys[guest] = nil
        for kind in RecordKind.allCases { issued[RecordKey(guest: guest, kind: kind)] = nil }
    }
}
