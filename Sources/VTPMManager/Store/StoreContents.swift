import Foundation
import GRDB
import TPMCrypto

/// What is committed, as far as it has to be at hand: all but the encrypted records and events.
struct StoreContents: Sendable {
    var store: StoreRow
    var groups: [UUID: GroupRow] = [:]
    var guests: [UUID: GuestRow] = [:]
    var groupNames: [String: UUID] = [:]
    var guestNames: [String: UUID] = [:]
    var records: [RecordKey: RecordEntry] = [:]
    /// The numbers of the events that are kept; absent for a guest without one.
    var events: [UUID: ClosedRange<Int64>] = [:]
    /// Of all rows.
    var sum = ContentSum()
    var chain: Chain

    /// A record that was written, and maybe removed.
    struct RecordEntry: Sendable {
        let version: Int64
        let code: ContentSum
        let isRemoved: Bool

        init(_ row: RecordRow, code: ContentSum) {
            version = row.version
            isRemoved = row.sealed == nil
            self.code = code
        }
    }

    /// Reads the whole store. Throws unless its rows are those of its last commit.
    init(_ file: StoreFile, _ keys: StoreKeys) throws(StoreFailure) {
        self = try file.read { db in try StoreContents(db, keys) }
    }

    init(_ db: Database, _ keys: StoreKeys) throws {
        chain = try Chain(db, keys)
        store = try StoreRow.fetch(db)
        sum += store.code(keys)
        var wrappings = store.wrappings.count
        let groupRows = try Row.fetchCursor(db, sql: "SELECT \(GroupRow.columns) FROM groups")
        while let row = try groupRows.next() {
            let group = try GroupRow.fetch(row, Wrapping.fetch(db, of: row.uuid(0)))
            sum += group.code(keys)
            groups[group.id] = group
            groupNames[group.name] = group.id
            wrappings += group.wrappings.count
        }
        let guestRows = try Row.fetchCursor(db, sql: "SELECT \(GuestRow.columns) FROM guests")
        while let row = try guestRows.next() {
            let guest = try GuestRow.fetch(row)
            sum += guest.code(keys)
            guests[guest.id] = guest
            guestNames[guest.name] = guest.id
        }
        let recordRows = try Row.fetchCursor(db, sql: "SELECT \(RecordRow.columns) FROM records")
        while let row = try recordRows.next() {
            let record = try RecordRow.fetch(row)
            let code = record.code(keys)
            sum += code
            records[record.key] = RecordEntry(record, code: code)
        }
        let eventRows = try Row.fetchCursor(db, sql: "SELECT \(EventRow.columns) FROM events ORDER BY guest, number")
        while let row = try eventRows.next() {
            let event = try EventRow.fetch(row)
            sum += event.code(keys)
            events[event.guest] = (events[event.guest]?.lowerBound ?? event.number)...event.number
        }
        guard chain.last.describes(sum, keys), try Int.fetchOne(db, sql: "SELECT count(*) FROM wrappings") == wrappings
        else { throw RowError(what: "its rows are not those of its last commit", isForgery: true) }
    }
}
