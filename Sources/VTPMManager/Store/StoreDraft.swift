import Foundation
import GRDB
import TPMCrypto

/// A transaction under way: what it wrote, over what was committed before.
///
/// A change is checked whole before it writes, so that one which is refused leaves nothing, and the others of the
/// transaction go on.
struct StoreDraft {
    let db: Database
    let keys: StoreKeys
    /// What was committed before. Nobody changes it before the transaction ends.
    private let committed: StoreContents
    /// What was handed out of the chain and not confirmed.
    private let handedOut: ChainEntry?
    private(set) var changes: Changes

    /// What a transaction wrote; nil stands for what was deleted.
    struct Changes {
        fileprivate(set) var sum: ContentSum
        fileprivate(set) var chain: Chain
        fileprivate(set) var store: StoreRow?
        fileprivate(set) var groups: [UUID: GroupRow?] = [:]
        fileprivate(set) var guests: [UUID: GuestRow?] = [:]
        fileprivate(set) var groupNames: [String: UUID?] = [:]
        fileprivate(set) var guestNames: [String: UUID?] = [:]
        fileprivate(set) var records: [RecordKey: StoreContents.RecordEntry?] = [:]
        fileprivate(set) var events: [UUID: ClosedRange<Int64>?] = [:]
    }

    init(_ db: Database, _ keys: StoreKeys, over committed: StoreContents, handedOut: ChainEntry?) {
        self.db = db
        self.keys = keys
        self.committed = committed
        self.handedOut = handedOut
        changes = Changes(sum: committed.sum, chain: committed.chain)
    }

    // MARK: Looking

    func storeRow() -> StoreRow { changes.store ?? committed.store }

    /// Throws when there is no such group.
    func group(_ id: UUID) throws(StoreFailure) -> GroupRow {
        guard let group = changes.groups[id] ?? committed.groups[id] else { throw .noGroup(id.uuidString) }
        return group
    }

    /// Throws when there is no such guest.
    func guest(_ id: UUID) throws(StoreFailure) -> GuestRow {
        guard let guest = changes.guests[id] ?? committed.guests[id] else { throw .noGuest(id.uuidString) }
        return guest
    }

    private func hasGuest(_ id: UUID) -> Bool {
        if let change = changes.guests[id] { change != nil } else { committed.guests[id] != nil }
    }

    /// Throws unless the name and the UUID are free.
    func checkFree(group id: UUID, name: String) throws(StoreFailure) {
        guard changes.groupNames[name] ?? committed.groupNames[name] == nil else { throw .nameTaken(name) }
        guard changes.groups[id] ?? committed.groups[id] == nil else { throw .nameTaken(id.uuidString) }
    }

    /// Throws unless the name and the UUID, if one is given, are free.
    func checkFree(guest id: UUID?, name: String) throws(StoreFailure) {
        guard changes.guestNames[name] ?? committed.guestNames[name] == nil else { throw .nameTaken(name) }
        guard let id else { return }
        guard changes.guests[id] ?? committed.guests[id] == nil else { throw .nameTaken(id.uuidString) }
    }

    func hasGuests(group id: UUID) -> Bool {
        committed.guests.values.contains { $0.group == id && changes.guests[$0.id] == nil }
            || changes.guests.values.contains { $0?.group == id }
    }

    // MARK: Writing

    mutating func put(_ row: StoreRow) throws {
        changes.sum -= storeRow().code(keys)
        changes.sum += row.code(keys)
        try row.put(in: db)
        changes.store = row
    }

    mutating func put(_ row: GroupRow) throws {
        if let old = changes.groups[row.id] ?? committed.groups[row.id] { changes.sum -= old.code(keys) }
        changes.sum += row.code(keys)
        try row.put(in: db)
        changes.groups[row.id] = .some(row)
        changes.groupNames[row.name] = .some(row.id)
    }

    mutating func delete(_ row: GroupRow) throws {
        changes.sum -= row.code(keys)
        try row.delete(in: db)
        changes.groups[row.id] = .some(nil)
        changes.groupNames[row.name] = .some(nil)
    }

    mutating func put(_ row: GuestRow) throws {
        if let old = changes.guests[row.id] ?? committed.guests[row.id] {
            changes.sum -= old.code(keys)
            changes.guestNames[old.name] = .some(nil)
        }
        changes.sum += row.code(keys)
        try row.put(in: db)
        changes.guests[row.id] = .some(row)
        changes.guestNames[row.name] = .some(row.id)
    }

    /// Deletes the guest with all that is kept of it.
    mutating func delete(_ row: GuestRow) throws {
        for kind in RecordKind.allCases {
            let key = RecordKey(guest: row.id, kind: kind)
            if let old = changes.records[key] ?? committed.records[key] { changes.sum -= old.code }
            changes.records[key] = .some(nil)
        }
        for event in try EventRow.fetchAll(of: row.id, in: db) { changes.sum -= event.code(keys) }
        changes.events[row.id] = .some(nil)
        changes.sum -= row.code(keys)
        try row.delete(in: db)
        changes.guests[row.id] = .some(nil)
        changes.guestNames[row.name] = .some(nil)
    }

    /// - Parameter code: that of the row, which whoever asks for the write has made.
    mutating func put(_ row: RecordRow, code: ContentSum) throws {
        guard hasGuest(row.key.guest) else { throw StoreFailure.noGuest(row.key.guest.uuidString) }
        if let old = changes.records[row.key] ?? committed.records[row.key] { changes.sum -= old.code }
        changes.sum += code
        try row.put(in: db)
        changes.records[row.key] = .some(.init(row, code: code))
    }

    /// Appends an event of a guest, and drops the oldest when there are too many.
    mutating func append(_ event: Event, to guest: UUID) throws {
        let numbers = changes.events[guest] ?? committed.events[guest]
        let (number, overflow) = (numbers?.upperBound ?? 0).addingReportingOverflow(1)
        guard !overflow else { throw RowError(what: "the numbers of events ran out", isForgery: false) }
        let row = EventRow(
            guest: guest, number: number,
            sealed: try Sealing.seal(
                event, under: keys.notes, as: Label(kind: .event, owner: guest, version: number)))
        changes.sum += row.code(keys)
        try row.put(in: db)
        var first = numbers?.lowerBound ?? number
        while number - first >= Int64(StoreLimits.events) {
            if let oldest = try EventRow.fetch(of: guest, first, in: db) {
                changes.sum -= oldest.code(keys)
                try oldest.delete(in: db)
            }
            first += 1
        }
        changes.events[guest] = .some(first...number)
    }

    /// Drops what the chain keeps for a hardware TPM that now has this checkpoint.
    mutating func confirm(_ checkpoint: Checkpoint) throws {
        try changes.chain.confirm(checkpoint, in: db, keys)
    }

    /// Appends the commit to the chain if anything changed; the last to be written. The last commit by then.
    mutating func seal() throws -> ChainEntry {
        if changes.sum != committed.sum {
            try changes.chain.append(changes.sum, keeping: handedOut, in: db, keys)
        }
        return changes.chain.last
    }
}

extension StoreContents {
    /// Becomes what is committed now.
    mutating func apply(_ changes: StoreDraft.Changes) {
        if let row = changes.store { store = row }
        for (id, row) in changes.groups { groups[id] = row }
        for (name, id) in changes.groupNames { groupNames[name] = id }
        for (id, row) in changes.guests { guests[id] = row }
        for (name, id) in changes.guestNames { guestNames[name] = id }
        for (key, entry) in changes.records { records[key] = entry }
        for (id, numbers) in changes.events { events[id] = numbers }
        sum = changes.sum
        chain = changes.chain
    }
}
