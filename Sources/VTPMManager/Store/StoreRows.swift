import Foundation
import GRDB
import TPMCrypto

/// A key that somebody else encrypted.
public struct Wrapping: Equatable, Sendable {
    /// For whom it was encrypted, such as a number of an approved configuration, or `recovery`. It is readable on disk.
    public let label: String
    /// The encrypted key, of which the store knows nothing.
    public let blob: [UInt8]

    public init(label: String, blob: [UInt8]) {
        self.label = label
        self.blob = blob
    }
}

/// What the store knows of itself.
struct StoreRow: Equatable, Sendable {
    let id: UUID
    var version: Int64
    /// `StoreKeys.check`.
    let keyCheck: [UInt8]
    /// The integrity key, for whoever opens the store.
    var wrappings: [Wrapping]

    func code(_ keys: StoreKeys) -> ContentSum {
        ContentSum(.store, id, version: version, contents: [keyCheck] + wrappings.parts, keys)
    }

    static func fetch(_ db: Database) throws -> StoreRow {
        let rows = try Row.fetchAll(db, sql: "SELECT id, version, keyCheck FROM store")
        guard let row = rows.first, rows.count == 1 else { throw RowError(what: "the table store", isForgery: false) }
        let id = try row.uuid(0)
        return StoreRow(
            id: id, version: try row.integer(1), keyCheck: try row.bytes(2),
            wrappings: try Wrapping.fetch(db, of: id))
    }

    func put(in db: Database) throws {
        try db.execute(
            sql: "INSERT OR REPLACE INTO store (id, version, keyCheck) VALUES (?, ?, ?)",
            arguments: [Data(id.bytes), version, Data(keyCheck)])
        try wrappings.put(of: id, in: db)
    }
}

struct GroupRow: Equatable, Sendable {
    let id: UUID
    let name: String
    var version: Int64
    /// Nothing, sealed under the group's key: it tells whether a key is the right one.
    let keyCheck: [UInt8]
    /// What the manager keeps with the group, sealed under the store's own key.
    var policy: [UInt8]
    /// The group's key.
    var wrappings: [Wrapping]

    func code(_ keys: StoreKeys) -> ContentSum {
        ContentSum(
            .group, id, version: version, contents: [Array(name.utf8), keyCheck, policy] + wrappings.parts, keys)
    }

    static func fetch(_ row: Row, _ wrappings: [Wrapping]) throws -> GroupRow {
        try GroupRow(
            id: row.uuid(0), name: row.text(1), version: row.integer(2), keyCheck: row.bytes(3), policy: row.bytes(4),
            wrappings: wrappings)
    }
    static let columns = "id, name, version, keyCheck, policy"

    func put(in db: Database) throws {
        try db.execute(
            sql: "INSERT OR REPLACE INTO groups (\(Self.columns)) VALUES (?, ?, ?, ?, ?)",
            arguments: [Data(id.bytes), name, version, Data(keyCheck), Data(policy)])
        try wrappings.put(of: id, in: db)
    }

    func delete(in db: Database) throws {
        try db.execute(sql: "DELETE FROM groups WHERE id = ?", arguments: [Data(id.bytes)])
        try [Wrapping]().put(of: id, in: db)
    }
}

struct GuestRow: Equatable, Sendable {
    let id: UUID
    let group: UUID
    var name: String
    var state: GuestState
    var version: Int64
    /// The guest's key, sealed under its group's.
    let wrappedKey: [UInt8]
    /// `GuestDetails`, sealed under the store's own key.
    let details: [UInt8]

    func code(_ keys: StoreKeys) -> ContentSum {
        ContentSum(
            .guest, id, version: version,
            contents: [group.bytes, Array(name.utf8), state.rawValue.bytes, wrappedKey, details], keys)
    }

    static func fetch(_ row: Row) throws -> GuestRow {
        guard let state = GuestState(rawValue: try row.integer(3)) else {
            throw RowError(what: "a guest's state", isForgery: false)
        }
        return try GuestRow(
            id: row.uuid(0), group: row.uuid(1), name: row.text(2), state: state, version: row.integer(4),
            wrappedKey: row.bytes(5), details: row.bytes(6))
    }
    static let columns = "id, groupID, name, state, version, wrappedKey, details"

    func put(in db: Database) throws {
        try db.execute(
            sql: "INSERT OR REPLACE INTO guests (\(Self.columns)) VALUES (?, ?, ?, ?, ?, ?, ?)",
            arguments: [
                Data(id.bytes), Data(group.bytes), name, state.rawValue, version, Data(wrappedKey), Data(details),
            ])
    }

    /// Deletes the guest with all its rows.
    func delete(in db: Database) throws {
        for table in ["records", "events"] {
            try db.execute(sql: "DELETE FROM \(table) WHERE guest = ?", arguments: [Data(id.bytes)])
        }
        try db.execute(sql: "DELETE FROM guests WHERE id = ?", arguments: [Data(id.bytes)])
    }
}

/// What is kept in records of its own, one of each for a guest.
enum RecordKind: UInt8, CaseIterable {
    case permanent = 1
    case volatile = 2
    case settings = 3

    var label: Label.Kind {
        switch self {
        case .permanent: .permanent
        case .volatile: .volatile
        case .settings: .settings
        }
    }
}

struct RecordKey: Hashable, Sendable {
    let guest: UUID
    let kind: RecordKind

    func label(_ version: Int64) -> Label { Label(kind: kind.label, owner: guest, version: version) }
}

struct RecordRow: Equatable, Sendable {
    let key: RecordKey
    let version: Int64
    /// The record, sealed under the guest's key; nil for one that was removed.
    let sealed: [UInt8]?

    func code(_ keys: StoreKeys) -> ContentSum {
        ContentSum(
            sealed == nil ? .removed : .record, key.guest, number: key.kind.rawValue, version: version,
            contents: [sealed ?? []], keys)
    }

    static func fetch(_ row: Row) throws -> RecordRow {
        guard let kind = UInt8(exactly: try row.integer(1)).flatMap(RecordKind.init) else {
            throw RowError(what: "a record's kind", isForgery: false)
        }
        return try RecordRow(
            key: RecordKey(guest: row.uuid(0), kind: kind), version: row.integer(2), sealed: row.optionalBytes(3))
    }
    static let columns = "guest, kind, version, sealed"

    static func fetch(_ key: RecordKey, in db: Database) throws -> RecordRow? {
        try Row.fetchOne(
            db, sql: "SELECT \(columns) FROM records WHERE guest = ? AND kind = ?",
            arguments: [Data(key.guest.bytes), Int64(key.kind.rawValue)]
        ).map(fetch)
    }

    func put(in db: Database) throws {
        let statement = try db.cachedStatement(
            sql: """
                INSERT INTO records (\(Self.columns)) VALUES (?, ?, ?, ?)
                ON CONFLICT (guest, kind) DO UPDATE SET version = excluded.version, sealed = excluded.sealed
                """)
        try statement.execute(arguments: [
            Data(key.guest.bytes), Int64(key.kind.rawValue), version, sealed.map { Data($0) },
        ])
    }
}

struct EventRow: Equatable, Sendable {
    let guest: UUID
    /// Counts the events of a guest, from 1.
    let number: Int64
    /// `Event`, sealed under the store's own key.
    let sealed: [UInt8]

    func code(_ keys: StoreKeys) -> ContentSum {
        ContentSum(.event, guest, version: number, contents: [sealed], keys)
    }

    static func fetch(_ row: Row) throws -> EventRow {
        try EventRow(guest: row.uuid(0), number: row.integer(1), sealed: row.bytes(2))
    }
    static let columns = "guest, number, sealed"

    static func fetchAll(of guest: UUID, in db: Database) throws -> [EventRow] {
        try Row.fetchAll(
            db, sql: "SELECT \(columns) FROM events WHERE guest = ? ORDER BY number", arguments: [Data(guest.bytes)]
        ).map(fetch)
    }

    static func fetch(of guest: UUID, _ number: Int64, in db: Database) throws -> EventRow? {
        try Row.fetchOne(
            db, sql: "SELECT \(columns) FROM events WHERE guest = ? AND number = ?",
            arguments: [Data(guest.bytes), number]
        ).map(fetch)
    }

    func put(in db: Database) throws {
        try db.execute(
            sql: "INSERT INTO events (\(Self.columns)) VALUES (?, ?, ?)",
            arguments: [Data(guest.bytes), number, Data(sealed)])
    }

    func delete(in db: Database) throws {
        try db.execute(
            sql: "DELETE FROM events WHERE guest = ? AND number = ?", arguments: [Data(guest.bytes), number])
    }
}

extension Wrapping {
    /// Those of the store or of a group, by label.
    static func fetch(_ db: Database, of owner: UUID) throws -> [Wrapping] {
        try Row.fetchAll(
            db, sql: "SELECT label, blob FROM wrappings WHERE owner = ? ORDER BY label", arguments: [Data(owner.bytes)]
        ).map { try Wrapping(label: $0.text(0), blob: $0.bytes(1)) }
    }
}

extension [Wrapping] {
    fileprivate var parts: [[UInt8]] { flatMap { [[UInt8]($0.label.utf8), $0.blob] } }

    /// Replaces those of an owner by these.
    fileprivate func put(of owner: UUID, in db: Database) throws {
        try db.execute(sql: "DELETE FROM wrappings WHERE owner = ?", arguments: [Data(owner.bytes)])
        for wrapping in self {
            try db.execute(
                sql: "INSERT INTO wrappings (owner, label, blob) VALUES (?, ?, ?)",
                arguments: [Data(owner.bytes), wrapping.label, Data(wrapping.blob)])
        }
    }
}
