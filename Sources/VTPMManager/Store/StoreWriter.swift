import Dispatch
import Foundation
import GRDB
import Synchronization
import TPMCrypto

/// The one thread that touches the database. What waits when it comes round goes into one transaction, so one sync of
/// the disk serves all of it; whoever asked waits for that, or is told.
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
        fileprivate var reads: [StoreRead] = []
        fileprivate var waiting = StoreBatch()
        /// The transaction under way.
        fileprivate var underWay: StoreBatch?
        fileprivate var isClosed = false
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
        let read = StoreRead { slot.value = try body($0) }
        let isTaken = state.withLock { state in
            guard !state.isClosed else { return false }
            wakeThread(state)
            state.reads.append(read)
            return true
        }
        guard isTaken else { throw .closed }
        try read.wait()
        guard let value = slot.value else { throw .closed }
        return value
    }

    /// How many requests wait for the thread.
    var waitingCount: Int { state.withLock { $0.waiting.work.count } }

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

    /// The key of a guest, and what `body` returns under the same lock.
    private func guestKey<T: Sendable>(
        _ guest: UUID, and body: (inout State) -> T
    ) throws(StoreFailure) -> (key: Secret, T) {
        let (known, row, group, result) = state.withLock { state in
            // The rows are of interest before the first use of a key alone.
            let known = state.guestKeys[guest]
            let row = known == nil ? state.contents.guests[guest] : nil
            let isThere = known != nil || row != nil
            return (known, row, row.flatMap { state.contents.groups[$0.group] }, isThere ? body(&state) : nil)
        }
        guard let result else { throw .noGuest(guest.uuidString) }
        if let known { return (known, result) }
        guard let row, let group else { throw .noGuest(guest.uuidString) }
        let label = Label(kind: .guestKey, owner: guest, version: 1)
        guard let key = Sealing.open(row.wrappedKey, under: try groupKey(group), as: label) else {
            throw .altered(directory, detail: "the key of the guest \(row.name)")
        }
        state.withLock { state in
            if state.groupKeys[row.group] != nil, state.contents.guests[guest] != nil { state.guestKeys[guest] = key }
        }
        return (key, result)
    }

    // MARK: Records

    /// What was saved last; nil for what was never saved, or removed.
    func load(_ key: RecordKey) throws(StoreFailure) -> Secret? {
        let (guestKey, _) = try guestKey(key.guest) { _ in }
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
    func save(_ plain: Secret?, as key: RecordKey) throws(StoreFailure) { try put(plain, as: key, nil)?.wait() }

    /// The same without waiting.
    ///
    /// - Parameter then: told when it is on disk, or why it is not, on the thread of the store, which it must not hold up.
    /// - Returns: false when there is nothing to do, and nothing will be told.
    func save(
        _ plain: Secret?, as key: RecordKey, then: @escaping @Sendable (StoreFailure?) -> Void
    ) throws(StoreFailure) -> Bool {
        try put(plain, as: key, then) != nil
    }

    private func put(
        _ plain: Secret?, as key: RecordKey, _ then: (@Sendable (StoreFailure?) -> Void)?
    ) throws(StoreFailure) -> StoreBatch.Place? {
        if let plain, plain.count > StoreLimits.recordSize {
            throw .tooLarge(bytes: plain.count, limit: StoreLimits.recordSize)
        }
        // A version that no other has or had; nil when there is nothing to remove.
        let (guestKey, version) = try guestKey(key.guest) { state in
            plain == nil && state.isAbsent(key) ? nil : state.issueVersion(of: key)
        }
        guard let version else { return nil }
        let row = RecordRow(
            key: key, version: version, sealed: try seal(plain, under: guestKey, as: key.label(version)))
        return try place(of: row, code: row.code(keys), then)
    }

    private func seal(_ plain: Secret?, under key: Secret, as label: Label) throws(StoreFailure) -> [UInt8]? {
        guard let plain else { return nil }
        return try Sealing.seal(plain, under: key, as: label)
    }

    /// Where to wait for a record, or for a later version of it that goes instead; nil when that is on disk already.
    private func place(
        of row: RecordRow, code: ContentSum, _ then: (@Sendable (StoreFailure?) -> Void)?
    ) throws(StoreFailure) -> StoreBatch.Place? {
        let (isClosed, place) = state.withLock { state in
            if state.isClosed { return (true, nil as StoreBatch.Place?) }
            if let (version, place) = state.underWay?.find(row.key), version > row.version {
                if let then { place.tell(then) }
                return (false, place)
            }
            if let entry = state.contents.records[row.key], entry.version > row.version { return (false, nil) }
            wakeThread(state)
            let place = state.waiting.add(row, code: code)
            if let then { place.tell(then) }
            return (false, place)
        }
        guard !isClosed else { throw .closed }
        return place
    }

    // MARK: Other changes

    /// Returns when what `body` wrote is on disk. It runs on the thread of the store, and checks all before it writes.
    func change(_ body: @escaping @Sendable (inout StoreDraft) throws -> Void) throws(StoreFailure) {
        let place = state.withLock { state in
            if state.isClosed { return nil as StoreBatch.Place? }
            wakeThread(state)
            return state.waiting.add(.change(body))
        }
        guard let place else { throw .closed }
        try place.wait()
    }

    /// To be called before something is added.
    private func wakeThread(_ state: borrowing State) {
        if state.waiting.isEmpty, state.reads.isEmpty { wake.signal() }
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

    /// True while the hardware TPM is not known to have the last commit.
    var isCheckpointDue: Bool {
        state.withLock { $0.contents.chain.last.checkpoint != $0.contents.chain.confirmed }
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
        while let (reads, batch) = next() { serve(reads, batch, &session) }
        session.file?.close()
        state.withLock { $0.waiting.outcome }.fail(.closed)
        ended.leave()
    }

    /// Waits for something to do; nil when there will be nothing.
    private func next() -> ([StoreRead], StoreBatch?)? {
        while true {
            wake.wait()
            let (reads, batch, isClosed) = state.withLock { state in
                let reads = state.reads
                state.reads = []
                if !state.waiting.isEmpty {
                    state.underWay = state.waiting
                    state.waiting = StoreBatch()
                }
                return (reads, state.underWay, state.isClosed)
            }
            if batch != nil || !reads.isEmpty {
                // Closing is noticed again afterwards.
                if isClosed { wake.signal() }
                return (reads, batch)
            }
            if isClosed { return nil }
        }
    }

    private func serve(_ reads: [StoreRead], _ batch: StoreBatch?, _ session: inout Session) {
        let file: StoreFile
        do throws(StoreFailure) { file = try reopened(&session) } catch {
            for read in reads { read.fail(error) }
            return fail(batch, error)
        }
        for read in reads { read.run(on: file) }
        guard let batch else { return }
        do throws(StoreFailure) {
            batch.outcome.succeed(but: try commit(batch.work, to: file, &session))
        } catch { fail(batch, error) }
    }

    private func fail(_ batch: StoreBatch?, _ failure: StoreFailure) {
        state.withLock { $0.underWay = nil }
        batch?.outcome.fail(failure)
    }

    /// Returns what was refused, by place, and why. Throws when the disk failed: then nothing was done.
    private func commit(
        _ work: [StoreBatch.Work], to file: StoreFile, _ session: inout Session
    ) throws(StoreFailure) -> [Int: StoreFailure] {
        var refusals: [Int: StoreFailure] = [:]
        let changes: StoreDraft.Changes
        var attempted: ChainEntry?
        do throws(StoreFile.FailedTransaction) {
            changes = try transact(work, on: file, &attempted, &refusals)
        } catch {
            if !error.isUndone {
                file.close()
                session = Session(file: nil, doubtful: attempted)
            }
            throw error.reason
        }
        state.withLock { state in
            state.contents.apply(changes)
            state.underWay = nil
            for (id, row) in changes.guests where row == nil { state.forget(guest: id) }
            for (id, row) in changes.groups where row == nil { state.groupKeys[id] = nil }
        }
        return refusals
    }

    // Apart from `commit`, so that nothing refers to the old contents any more when they are changed.
    private func transact(
        _ work: [StoreBatch.Work], on file: StoreFile, _ attempted: inout ChainEntry?,
        _ refusals: inout [Int: StoreFailure]
    ) throws(StoreFile.FailedTransaction) -> StoreDraft.Changes {
        let (contents, handedOut) = state.withLock { ($0.contents, $0.handedOut) }
        return try file.transaction { db in
            var draft = StoreDraft(db, keys, over: contents, handedOut: handedOut)
            for (index, work) in work.enumerated() {
                do {
                    switch work {
                    case .record(let row, let code): try draft.put(row, code: code)
                    case .change(let body): try body(&draft)
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

    fileprivate mutating func issueVersion(of key: RecordKey) -> Int64 {
        // Nobody counts to 2^63.
        let version = lastVersion(of: key) &+ 1
        issued[key] = version
        return version
    }

    /// True when the record is not there, and nobody is about to write it.
    fileprivate func isAbsent(_ key: RecordKey) -> Bool {
        waiting.find(key) == nil && underWay?.find(key) == nil && contents.records[key]?.isRemoved ?? true
    }

    fileprivate mutating func forget(guest: UUID) {
        guestKeys[guest] = nil
        for kind in RecordKind.allCases { issued[RecordKey(guest: guest, kind: kind)] = nil }
    }
}
