import Foundation
import GRDB
import Glibc
import TPMCrypto
import Testing

@testable import VTPMManager

@Suite struct StoreFileTests {
    private let test: TestStore
    private var file: String { test.path + "/store.sqlite" }

    init() throws { test = try TestStore() }

    private func mode(_ path: String) -> mode_t {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & 0o777 : 0
    }

    @Test func nobodyElseCanReadIt() throws {
        _ = try test.guest("web")
        #expect(mode(test.path) == 0o700)
        let files = try FileManager.default.contentsOfDirectory(atPath: test.path).sorted()
        #expect(files == ["store.sqlite", "store.sqlite-wal"])
        for name in files { #expect(mode("\(test.path)/\(name)") == 0o600) }
    }

    @Test func whatOthersCanReadIsRefused() throws {
        test.close()
        let log = file + "-wal"
        for (path, mode) in [(test.path, 0o750), (file, 0o604), (file, 0o640), (log, 0o660)] as [(String, mode_t)] {
            let before = self.mode(path)
            chmod(path, mode)
            #expect(refusal { try test.open() } == .exposed(path))
            chmod(path, before)
        }
        chmod(test.path, 0o755)
        #expect(
            refusal { _ = try Store.create(in: test.path, integrityKey: TestStore.integrityKey) } == .exposed(test.path)
        )
        chmod(test.path, 0o700)
        try test.open()
    }

    @Test func aSecondUserIsRefusedByName() throws {
        let reason = refusal { _ = try StoreFile(opening: test.path) }
        #expect(reason == .inUse(test.path))
        #expect(reason?.description.contains("another process") == true)
        let process = try StoreProcess(["hammer", test.path, "1", "8"], log: test.beside("log"))
        #expect(process.finish() == ["failed: \(StoreFailure.inUse(test.path))"])
        // The first is as well as before.
        _ = try test.guest("web")
    }

    @Test func aStoreIsMadeOnce() throws {
        #expect(
            refusal { _ = try Store.create(in: test.path, integrityKey: TestStore.integrityKey) } == .exists(test.path))
        _ = try test.guest("web")
        let nowhere = test.beside("a/b")
        #expect(refusal { _ = try Store.create(in: nowhere, integrityKey: TestStore.integrityKey) } != nil)
        #expect(refusal { _ = try Store.create(in: test.beside("c"), integrityKey: Secret("short")) } != nil)
        #expect(access(test.beside("c"), F_OK) != 0)
    }

    @Test func theLeftoverOfAnInterruptedMakingIsRemoved() throws {
        let directory = test.beside("new")
        mkdir(directory, 0o700)
        for suffix in ["", "-journal"] {
            try Data([1, 2, 3]).write(to: URL(fileURLWithPath: "\(directory)/store.sqlite.new\(suffix)"))
        }
        try Store.create(in: directory, integrityKey: TestStore.integrityKey).close()
        let files = try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
        #expect(files == ["store.sqlite", "store.sqlite-wal"])
    }

    @Test func nothingIsMadeWhereNoStoreIs() throws {
        let directory = test.beside("empty")
        #expect(refusal { _ = try StoreFile(opening: directory) } == .missing(directory))
        mkdir(directory, 0o700)
        #expect(refusal { _ = try StoreFile(opening: directory) } == .missing(directory))
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory).isEmpty)
    }

    @Test func itIsDurableAndLeavesNoSharedMemory() throws {
        let settings = try test.store.writer.read { db in
            try ["journal_mode", "synchronous", "locking_mode"].map {
                try String.fetchOne(db, sql: "PRAGMA \($0)") ?? ""
            }
        }
        // 2 is FULL.
        #expect(settings == ["wal", "2", "exclusive"])
        #expect(access(file + "-shm", F_OK) != 0)
    }

    // MARK: Foreign and damaged files

    @Test func aNewerSchemaIsRefusedByName() throws {
        try test.change("INSERT INTO grdb_migrations (identifier) VALUES ('2')")
        #expect(refusal { try test.open() } == .newerSchema(test.path))
        try test.change("DELETE FROM grdb_migrations WHERE identifier = '2'")
        try test.open()
    }

    @Test(arguments: [
        "CREATE TRIGGER mischief AFTER INSERT ON records BEGIN DELETE FROM events; END",
        "CREATE VIEW mischief AS SELECT * FROM records", "CREATE TABLE mischief (a)", "DROP TABLE events",
        "CREATE INDEX mischief ON guests (state)", "ALTER TABLE guests ADD COLUMN mischief TEXT",
        "DELETE FROM grdb_migrations", "DROP TABLE grdb_migrations", "DELETE FROM store",
        "INSERT INTO store (id, version, keyCheck) VALUES (x'00112233445566778899aabbccddeeff', 1, x'00')",
    ])
    func otherTablesAreRefused(sql: String) throws {
        try test.change(sql)
        let reason = refusal { try test.open() }
        #expect(reason?.isDamaged == true, "\(String(describing: reason))")
    }

    @Test(arguments: [[], Array("a shopping list".utf8), [UInt8](repeating: 0, count: 8192)])
    func aForeignFileIsRefusedAndLeftAlone(bytes: [UInt8]) throws {
        test.close()
        unlink(file + "-wal")
        try Data(bytes).write(to: URL(fileURLWithPath: file))
        chmod(file, 0o600)
        #expect(refusal { try test.open() } == .foreign(file) || refusal { try test.open() } == .foreign(test.path))
        #expect(try [UInt8](Data(contentsOf: URL(fileURLWithPath: file))) == bytes)
    }

    @Test func anotherProgramsDatabaseIsRefusedAndLeftAlone() throws {
        try test.change("PRAGMA application_id = 1")
        #expect(refusal { try test.open() } == .foreign(file))
        unlink(file)
        unlink(file + "-wal")
        #expect(symlink("/etc/passwd", file) == 0)
        #expect(refusal { try test.open() } == .foreign(file))
    }

    /// The file cut short, and with bytes turned: refused, or else nothing of it was changed. It never traps.
    @Test func damagesAreRefused() throws {
        let guest = try test.guest("web", settings: String(repeating: "settings ", count: 2000))
        for number in 0..<20 { try test.store.append(Event(kind: "counted", text: "\(number)"), to: guest) }
        try test.copy(to: test.beside("whole"))
        let whole = try Data(contentsOf: URL(fileURLWithPath: test.beside("whole/store.sqlite")))
        var damages: [Data] = stride(from: 0, to: whole.count, by: 4096 * 3 / 2).map { whole.prefix($0) }
        for index in stride(from: 0, to: whole.count, by: 211) {
            var bytes = whole
            bytes[index] ^= 0x41
            damages.append(bytes)
        }
        var refused = 0
        for damage in damages {
            try test.putBack(test.beside("whole"))
            try damage.write(to: URL(fileURLWithPath: file))
            chmod(file, 0o600)
            let reason = refusal {
                try test.open()
                // Some bytes of a page belong to no row.
                #expect(try test.settings(guest)?.count == 18_000)
                #expect(try test.store.events(of: guest).count == 20)
            }
            if reason != nil { refused += 1 }
        }
        #expect(refused > damages.count / 4)
        try test.putBack(test.beside("whole"))
        try test.open()
    }
}

@Suite struct StoreSecrecyTests {
    /// What an operator or a guest would not want to be read off a disk is found in no file of the store, and what has to
    /// be is.
    @Test func onlyNamesAndUUIDsAreReadable() throws {
        let test = try TestStore()
        let secrets = [
            "the settings", "the policy", "the event", "the kind", "the newer settings", "a volatile state",
        ]
        let guest = try test.guest("a-guest-name", settings: secrets[0])
        let key = Secret("this is a group key of 32 bytes!")
        let group = try test.store.createGroup(
            name: "a-group-name", key: key, wrappings: [], policy: Secret(secrets[1]))
        try test.store.append(Event(kind: secrets[3], text: secrets[2]), to: guest)
        try test.store.setSettings(of: guest, to: Secret(secrets[4]))
        let states = GuestStateStore(test.store, guest: guest)
        try states.lock(waiting: 0, continues: false)
        try states.saveVolatile(Secret(secrets[5]))
        func bytes() throws -> Data {
            try FileManager.default.contentsOfDirectory(atPath: test.path).reduce(Data()) {
                try $0 + Data(contentsOf: URL(fileURLWithPath: "\(test.path)/\($1)"))
            }
        }
        let open = try bytes()
        test.close()
        for bytes in [open, try bytes()] {
            for secret in secrets { #expect(bytes.range(of: Data(secret.utf8)) == nil, "\(secret)") }
            for secret in [key, TestStore.groupKey, TestStore.integrityKey] {
                #expect(bytes.range(of: Data(secret.bytes)) == nil)
            }
            for text in ["a-guest-name", "a-group-name"] { #expect(bytes.range(of: Data(text.utf8)) != nil) }
            for id in [guest, group.id] { #expect(bytes.range(of: Data(id.bytes)) != nil) }
        }
    }

    @Test func aDestroyedGuestsKeyIsOverwritten() throws {
        let test = try TestStore()
        let guest = try test.guest("web")
        let row = test.store.writer.look { $0.guests[guest] }
        let wrapped = try #require(row).wrappedKey
        func isThere() throws -> Bool {
            try Data(contentsOf: URL(fileURLWithPath: test.path + "/store.sqlite")).range(of: Data(wrapped)) != nil
        }
        try test.open()
        #expect(try isThere())
        try test.store.deleteGuest(guest)
        try test.open()
        #expect(try !isThere())
    }
}
