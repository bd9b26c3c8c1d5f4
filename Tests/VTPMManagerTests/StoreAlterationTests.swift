import Foundation
import GRDB
import TPMCrypto
import Testing

@testable import VTPMManager

/// Whoever has the disk and none of the keys changes rows: nothing of that is taken.
@Suite struct StoreAlterationTests {
    private let test: TestStore
    private let guest: UUID
    private let other: UUID

    init() throws {
        test = try TestStore()
        (guest, other) = (try test.guest("web"), try test.guest("mail"))
        try test.store.setSettings(of: guest, to: Secret("two"))
        try test.store.append(Event(kind: "a", text: "b"), to: guest)
        try test.store.append(Event(kind: "a", text: "c"), to: guest)
        try test.store.append(Event(kind: "a", text: "b"), to: other)
        try test.store.update(
            group: test.group, wrappings: [Wrapping(label: "recovery", blob: [1, 2])], policy: Secret("policy"))
        let states = GuestStateStore(test.store, guest: guest)
        try states.lock(waiting: 0, continues: false)
        try states.saveVolatile(Secret("volatile"))
        try states.saveVolatile(nil)
    }

    @Test(arguments: [
        // Values of every column of every table.
        "UPDATE guests SET name = 'www' WHERE name = 'web'", "UPDATE guests SET state = 1 WHERE name = 'web'",
        "UPDATE guests SET version = version + 1 WHERE name = 'web'",
        "UPDATE guests SET groupID = id WHERE name = 'web'", "UPDATE guests SET id = groupID WHERE name = 'web'",
        "UPDATE guests SET wrappedKey = (SELECT wrappedKey FROM guests WHERE name = 'mail') WHERE name = 'web'",
        "UPDATE guests SET details = (SELECT details FROM guests WHERE name = 'mail') WHERE name = 'web'",
        "UPDATE groups SET name = 'other'", "UPDATE groups SET version = version - 1",
        "UPDATE groups SET keyCheck = policy", "UPDATE groups SET policy = keyCheck", "UPDATE groups SET id = keyCheck",
        "UPDATE wrappings SET label = 'configuration 1'", "UPDATE wrappings SET blob = x'0102ff'",
        "UPDATE records SET version = version + 1 WHERE version = 2",
        "UPDATE records SET version = 1 WHERE version = 2",
        "UPDATE records SET kind = 1 WHERE kind = 3", "UPDATE records SET sealed = NULL WHERE version = 1",
        "UPDATE records SET sealed = zeroblob(100) WHERE kind = 3", "UPDATE records SET sealed = x'' WHERE kind = 2",
        "UPDATE events SET number = 9 WHERE number = 2", "UPDATE events SET sealed = x'00' WHERE number = 2",
        "UPDATE chain SET content = hash", "UPDATE chain SET hash = content", "UPDATE chain SET code = hash",
        "UPDATE chain SET sequence = sequence + 100",
        // Rows that are missing, that are more, and that are another's.
        "DELETE FROM guests WHERE name = 'web'", "DELETE FROM groups", "DELETE FROM wrappings",
        "DELETE FROM records WHERE kind = 2", "DELETE FROM records WHERE kind = 3", "DELETE FROM events",
        "DELETE FROM events WHERE number = 1", "DELETE FROM chain WHERE sequence < 2",
        "DELETE FROM chain WHERE sequence = 4", "DELETE FROM chain WHERE sequence > 4", "DELETE FROM chain",
        "INSERT INTO wrappings (owner, label, blob) VALUES (x'00', 'x', x'')",
        "INSERT INTO wrappings (owner, label, blob) SELECT owner, 'x', blob FROM wrappings",
        "INSERT INTO groups (id, name, version, keyCheck, policy) VALUES (randomblob(16), 'x', 1, x'', x'')",
        "INSERT INTO records (guest, kind, version, sealed) SELECT guest, 1, version, sealed FROM records WHERE kind = 3 AND version = 2",
        "INSERT INTO chain SELECT sequence + 1, content, hash, code FROM chain ORDER BY sequence DESC LIMIT 1",
        "INSERT INTO chain (sequence, content, hash, code) VALUES (-1, x'', x'', x'')",
        """
        UPDATE records SET sealed = (SELECT b.sealed FROM records b WHERE b.kind = records.kind AND b.guest <> records.guest)
        WHERE kind = 3
        """,
        "UPDATE events SET sealed = (SELECT b.sealed FROM events b WHERE b.guest <> events.guest) WHERE number = 1",
    ])
    func aChangedRowIsRefused(sql: String) throws {
        try test.change(sql)
        let reason = refusal { try test.open() }
        #expect(reason?.isAltered == true || reason?.isDamaged == true, "\(String(describing: reason))")
    }

    @Test(arguments: [
        "UPDATE guests SET state = 77", "UPDATE OR REPLACE guests SET id = x'00'",
        "UPDATE records SET kind = 300 WHERE kind = 3",
        "UPDATE OR REPLACE records SET guest = x'0011'", "UPDATE groups SET id = x''", "UPDATE store SET id = x'0011'",
        "DELETE FROM chain", "UPDATE store SET version = 0",
    ])
    func whatIsNoValueIsRefused(sql: String) throws {
        try test.change(sql)
        let reason = refusal { try test.open() }
        #expect(reason?.isAltered == true || reason?.isDamaged == true, "\(String(describing: reason))")
    }

    /// SQLite holds a strict table to its types only for those who write through it.
    @Test(arguments: ["store", "wrappings", "groups", "guests", "records", "events", "chain"])
    func valuesOfOtherTypesAreRefused(table: String) throws {
        try test.copy(to: test.beside("whole"))
        let path = test.beside("whole")
        for (column, type) in try columns(of: table, in: path) where column != "row" && column != "sequence" {
            try test.putBack(path)
            let definition = try definition(of: table)
            let lax = definition.replacingOccurrences(of: " STRICT,", with: "").replacingOccurrences(
                of: " STRICT", with: "")
            try setDefinition(of: table, to: lax)
            // Neither is changed by the column's affinity.
            try changeRows(
                of: test.path, "UPDATE OR REPLACE \(table) SET \(column) = \(type == "TEXT" ? "x'41'" : "1.5")")
            try setDefinition(of: table, to: definition)
            let reason = refusal { try test.open() }
            #expect(
                reason?.isDamaged == true || reason?.isAltered == true,
                "\(table).\(column): \(String(describing: reason))")
        }
    }

    private func definition(of table: String) throws -> String {
        let queue = try DatabaseQueue(path: test.path + "/store.sqlite")
        defer { try? queue.close() }
        let sql = "SELECT sql FROM sqlite_master WHERE name = ?"
        let definition = try queue.read { try String.fetchOne($0, sql: sql, arguments: [table]) }
        return try #require(definition)
    }

    private func setDefinition(of table: String, to text: String) throws {
        var configuration = Configuration()
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA writable_schema = ON") }
        let queue = try DatabaseQueue(path: test.path + "/store.sqlite", configuration: configuration)
        try queue.write {
            try $0.execute(sql: "UPDATE sqlite_master SET sql = ? WHERE name = ?", arguments: [text, table])
        }
        try queue.close()
    }

    private func columns(of table: String, in path: String) throws -> [(String, String)] {
        let queue = try DatabaseQueue(path: path + "/store.sqlite")
        defer { try? queue.close() }
        return try queue.read { db in
            try Row.fetchAll(db, sql: "SELECT name, type FROM pragma_table_info('\(table)')").map { ($0[0], $0[1]) }
        }
    }

    @Test func anotherIntegrityKeyIsRefusedByName() throws {
        test.close()
        let wrong = Secret([UInt8](repeating: 0x12, count: 32))
        let reason = refusal { _ = try Store(StoreFile(opening: test.path), integrityKey: wrong, extending: nil) }
        #expect(reason == .wrongIntegrityKey(test.path))
        #expect(
            refusal { _ = try Store(StoreFile(opening: test.path), integrityKey: Secret(""), extending: nil) } != nil)
        try test.change("UPDATE store SET keyCheck = zeroblob(32)")
        #expect(refusal { try test.open() } == .wrongIntegrityKey(test.path))
    }

    @Test func anotherStoresIdentityIsRefused() throws {
        try test.change("UPDATE store SET id = x'00112233445566778899aabbccddeeff'")
        #expect(refusal { try test.open() } == .wrongIntegrityKey(test.path))
    }

    @Test func anOlderRecordIsRefused() throws {
        let key = RecordKey(guest: guest, kind: .settings)
        let found = try test.store.writer.read { try RecordRow.fetch(key, in: $0) }
        let row = try #require(found)
        try test.store.setSettings(of: guest, to: Secret("three"))
        try test.change(
            "UPDATE records SET version = ?, sealed = ? WHERE guest = ? AND kind = 3",
            arguments: [row.version, row.sealed.map { Data($0) }, Data(guest.bytes)])
        #expect(refusal { try test.open() }?.isAltered == true)
    }

    /// Rows that are changed while the store is open, through its own connection.
    @Test func aRowThatChangesBehindTheOpenStoreIsRefused() throws {
        try test.store.writer.read { db in
            try db.execute(sql: "UPDATE records SET sealed = zeroblob(80) WHERE kind = 3")
        }
        #expect(refusal { _ = try test.settings(guest) }?.isAltered == true)
        #expect(refusal { try test.store.checkIntegrity() }?.isAltered == true)
    }

    @Test func aSoundStoreIsFoundSound() throws {
        try test.store.checkIntegrity()
        try test.open()
        try test.store.checkIntegrity()
    }

    @Test func theUntouchedStoreOpens() throws {
        try test.change("SELECT 1")
        try test.open()
        #expect(try test.settings(guest) == "two")
    }
}
