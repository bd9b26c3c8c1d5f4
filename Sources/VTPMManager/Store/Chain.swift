import Foundation
import GRDB
import TPMCrypto

/// The entries of the chain that a store keeps: from the last checkpoint that the hardware TPM is known to have, to
/// the last commit.
///
/// When that checkpoint is long ago, since the hardware TPM does not answer, only the entries are kept that it may be
/// asked about again: then the entries before and behind a gap are bound to each other by the HMAC alone.
struct Chain: Sendable {
    /// The oldest that is kept.
    private(set) var base: ChainEntry
    /// The last commit.
    private(set) var last: ChainEntry
    /// What the hardware TPM is known to have.
    var confirmed: Checkpoint?
    /// How many are kept.
    private var count: Int

    // MARK: Checkpoints

    /// Throws unless the store is what it was at the checkpoint, or grew from that.
    func check(_ checkpoint: Checkpoint, in db: Database) throws {
        guard checkpoint.sequence <= UInt64(clamping: last.sequence) else {
            throw StoreFailure.olderThanCheckpoint(
                sequence: UInt64(clamping: last.sequence), expected: checkpoint.sequence)
        }
        guard let entry = try Self.entry(checkpoint, in: db), entry.hash == checkpoint.hash else {
            throw StoreFailure.forked(sequence: checkpoint.sequence)
        }
    }

    private static func entry(_ checkpoint: Checkpoint, in db: Database) throws -> ChainEntry? {
        guard let sequence = Int64(exactly: checkpoint.sequence) else { return nil }
        let row = try Row.fetchOne(
            db, sql: "SELECT sequence, content, hash FROM chain WHERE sequence = ?", arguments: [sequence])
        return try row.map(Self.entry)
    }

    private static func entry(_ row: Row) throws -> ChainEntry {
        try ChainEntry(sequence: row.integer(0), content: row.bytes(1), hash: row.bytes(2))
    }

    // MARK: Reading

    /// Reads and authenticates all entries. Throws when there is none, or they are not what this program wrote.
    init(_ db: Database, _ keys: StoreKeys) throws {
        let rows = try Row.fetchCursor(db, sql: "SELECT sequence, content, hash, code FROM chain ORDER BY sequence")
        var (base, last, count): (ChainEntry?, ChainEntry?, Int) = (nil, nil, 0)
        while let row = try rows.next() {
            let entry = try Self.entry(row)
            let isNext = last.map { entry.follows($0) || entry.sequence - $0.sequence > 1 } ?? (entry.sequence >= 0)
            guard isNext, Secret(try row.bytes(3)) == Secret(entry.code(after: last, keys)) else {
                throw RowError(what: "the chain at commit \(entry.sequence)", isForgery: true)
            }
            if base == nil { base = entry }
            last = entry
            count += 1
        }
        guard let base, let last else { throw RowError(what: "the chain has no entry", isForgery: true) }
        self.base = base
        self.last = last
        self.count = count
    }

    // MARK: Writing

    /// Writes the first entry of a new store.
    static func begin(_ sum: ContentSum, in db: Database, _ keys: StoreKeys) throws {
        guard let entry = ChainEntry(after: nil, sum: sum, keys: keys) else { return }
        try insert(entry, after: nil, in: db, keys)
    }

    /// Writes the entry of a commit after which the store has these rows.
    ///
    /// - Parameter handedOut: an entry that a hardware TPM may have.
    mutating func append(_ sum: ContentSum, keeping handedOut: ChainEntry?, in db: Database, _ keys: StoreKeys) throws {
        guard let entry = ChainEntry(after: last, sum: sum, keys: keys) else {
            throw RowError(what: "the numbers of commits ran out", isForgery: false)
        }
        if count >= StoreLimits.chain { try thin(keeping: handedOut, in: db, keys) }
        try Self.insert(entry, after: last, in: db, keys)
        last = entry
        count += 1
    }

    /// Drops the entries before a checkpoint that the hardware TPM now has.
    mutating func confirm(_ checkpoint: Checkpoint, in db: Database, _ keys: StoreKeys) throws {
        try check(checkpoint, in: db)
        guard let entry = try Self.entry(checkpoint, in: db) else { return }
        try db.execute(sql: "DELETE FROM chain WHERE sequence < ?", arguments: [entry.sequence])
        try Self.setCode(entry, after: nil, in: db, keys)
        base = entry
        confirmed = checkpoint
        count = try Int.fetchOne(db, sql: "SELECT count(*) FROM chain") ?? 0
    }

    /// Drops the entries that no hardware TPM can have.
    private mutating func thin(keeping handedOut: ChainEntry?, in db: Database, _ keys: StoreKeys) throws {
        var kept = [base]
        let others = [try confirmed.flatMap { try Self.entry($0, in: db) }, handedOut, last].compactMap { $0 }
        for entry in others.sorted(by: { $0.sequence < $1.sequence })
        where entry.sequence > kept[kept.count - 1].sequence {
            kept.append(entry)
        }
        for (previous, entry) in zip(kept, kept.dropFirst()) {
            try db.execute(
                sql: "DELETE FROM chain WHERE sequence > ? AND sequence < ?",
                arguments: [previous.sequence, entry.sequence])
            try Self.setCode(entry, after: previous, in: db, keys)
        }
        count = kept.count
    }

    private static func insert(_ entry: ChainEntry, after previous: ChainEntry?, in db: Database, _ keys: StoreKeys)
        throws
    {
        let statement = try db.cachedStatement(
            sql: "INSERT INTO chain (sequence, content, hash, code) VALUES (?, ?, ?, ?)")
        try statement.execute(arguments: [
            entry.sequence, Data(entry.content), Data(entry.hash), Data(entry.code(after: previous, keys)),
        ])
    }

    private static func setCode(_ entry: ChainEntry, after previous: ChainEntry?, in db: Database, _ keys: StoreKeys)
        throws
    {
        try db.execute(
            sql: "UPDATE chain SET code = ? WHERE sequence = ?",
            arguments: [Data(entry.code(after: previous, keys)), entry.sequence])
    }
}
