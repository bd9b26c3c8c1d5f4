import Foundation
import GRDB
import Glibc
import TPMCrypto
import TPMWire
import Testing

@testable import VTPMManager

/// The store's process is killed while it writes: all that it said is durable is there, and the chain is whole.
@Suite struct StoreKillTests {
    private static let threads = 8

    private struct Heard {
        var records = [UInt64](repeating: 0, count: StoreKillTests.threads)
        var checkpoint: Checkpoint?
        var failures: [String] = []

        mutating func hear(_ line: String) {
            let words = line.split(separator: " ")
            if words.first == "checkpoint", words.count == 2 {
                checkpoint = Checkpoint(hexadecimal: words[1])
            } else if words.count == 2, let index = Int(words[0]), let number = UInt64(words[1]), index < records.count
            {
                records[index] = max(records[index], number)
            } else {
                failures.append(line)
            }
        }
    }

    /// How often: 20 times, or as often as VTPM_STORE_KILLS says.
    private static var kills: Int {
        ProcessInfo.processInfo.environment["VTPM_STORE_KILLS"].flatMap { Int($0) } ?? 20
    }

    @Test func everyAnsweredWriteIsThere() throws {
        let home = try TemporaryDirectory()
        let path = home.path + "/store"
        var heard = Heard()
        var random = SystemRandomNumberGenerator()
        for round in 0..<Self.kills {
            let process = try StoreProcess(
                ["hammer", path, "\(Self.threads)", "2048"], log: home.path + "/log")
            #expect(process.wait(forLines: 1), "\(process.lines)")
            usleep(UInt32.random(in: 0..<(round % 4 == 0 ? 2000 : 60_000), using: &random))
            process.kill()
            for line in process.lines { heard.hear(line) }
            #expect(heard.failures == [])
            let store = try Store(
                StoreFile(opening: path), integrityKey: Self.key(1), extending: heard.checkpoint)
            try store.checkIntegrity()
            // A process that died before its first answer may not have made them all.
            guard let group = store.group(named: "group") else { continue }
            try store.openGroup(group.id, key: Self.key(2))
            for (index, answered) in heard.records.enumerated() where answered > 0 {
                let guest = try #require(try store.guest(named: "guest-\(index)"))
                let bytes = try #require(try store.settings(of: guest.id)).bytes
                let number = bytes.prefix(8).reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
                // One more may have been written and not been answered.
                #expect(answered...answered + 1 ~= number, "guest \(index) in round \(round)")
                #expect(bytes.dropFirst(8).allSatisfy { $0 == UInt8(truncatingIfNeeded: number) })
                heard.records[index] = number
            }
            store.close()
        }
        #expect(heard.records.reduce(0, +) > UInt64(Self.kills))
    }

    private static func key(_ byte: UInt8) -> Secret { Secret([UInt8](repeating: byte, count: 32)) }
}

extension Checkpoint {
    fileprivate init?(hexadecimal text: Substring) {
        let digits = text.compactMap { $0.hexDigitValue.map { UInt8($0) } }
        self.init(stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] })
    }
}

/// What the disk does to a store that is open.
@Suite struct StoreDiskTests {
    /// Writes to a file until the disk is full.
    private func fill(_ path: String) {
        let file = open(path, O_WRONLY | O_CREAT, 0o600)
        defer { close(file) }
        let bytes = [UInt8](repeating: 0, count: 4096)
        while write(file, bytes, bytes.count) > 0 {}
        #expect(errno == ENOSPC)
    }

    @Test func aFileThatMayNotGrowIsAFullDisk() throws {
        let home = try TemporaryDirectory()
        let process = try StoreProcess(["limit", home.path + "/store", "300000"], log: home.path + "/log")
        let lines = process.finish()
        #expect(lines.first?.hasPrefix("full true: There is no room on the disk of \(home.path)/store.") == true)
        #expect(Array(lines.dropFirst()) == ["kept true", "kept true", "kept true", "kept true", "again"])
    }

    /// A file system of its own, of one megabyte, that is full and then no longer.
    @Test(.enabled(if: geteuid() == 0, "only root can mount"))
    func aFullDiskIsSaidAndTheStoreGoesOn() throws {
        let home = try TemporaryDirectory()
        let disk = home.path + "/disk"
        mkdir(disk, 0o700)
        try #require(mount("tmpfs", disk, "tmpfs", 0, "size=1m,mode=0700") == 0)
        defer { umount2(disk, Int32(MNT_DETACH)) }
        let store = try Store.create(in: disk, integrityKey: TestStore.integrityKey)
        let group = try store.createGroup(name: "group", key: TestStore.groupKey, wrappings: []).id
        let guest = try store.createGuest(name: "web", group: group, settings: Secret("before")).id
        let filler = disk + "/filler"
        fill(filler)
        for _ in 0..<3 {
            let sequence = store.writer.look { $0.chain.last.sequence }
            let large = Secret([UInt8](repeating: 5, count: 100_000))
            #expect(refusal { try store.setSettings(of: guest, to: large) } == .diskFull(disk))
            #expect(refusal { _ = try store.createGuest(name: "x", group: group, settings: large) } == .diskFull(disk))
            // What was there is there, and can be read.
            #expect(try store.settings(of: guest)?.text == "before")
            #expect(try store.guests().map(\.name) == ["web"])
            #expect(store.writer.look { $0.chain.last.sequence } == sequence)
        }
        let states = GuestStateStore(store, guest: guest)
        try states.lock(waiting: 0, continues: false)
        do {
            try states.saveVolatile(Secret([UInt8](repeating: 5, count: 100_000)))
            Issue.record("a full disk took a state")
        } catch {
            #expect(error.result == .noSpace && error.description.contains("no room on the disk"))
        }
        unlink(filler)
        try store.setSettings(of: guest, to: Secret("after"))
        try states.saveVolatile(Secret("volatile"))
        try store.checkIntegrity()
        store.close()
        let again = try Store(StoreFile(opening: disk), integrityKey: TestStore.integrityKey, extending: nil)
        try again.openGroup(group, key: TestStore.groupKey)
        #expect(try again.settings(of: guest)?.text == "after")
        again.close()
    }

    @Test(.enabled(if: geteuid() == 0, "only root can mount"))
    func aDiskThatTakesNoWritesIsRefusedByName() throws {
        let home = try TemporaryDirectory()
        let disk = home.path + "/disk"
        mkdir(disk, 0o700)
        try #require(mount("tmpfs", disk, "tmpfs", 0, "size=1m,mode=0700") == 0)
        defer { umount2(disk, Int32(MNT_DETACH)) }
        try Store.create(in: disk, integrityKey: TestStore.integrityKey).close()
        #expect(mount("tmpfs", disk, "tmpfs", UInt(MS_REMOUNT | MS_RDONLY), "mode=0700") == 0)
        #expect(refusal { _ = try StoreFile(opening: disk) } == .readOnly(disk))
        #expect(mount("tmpfs", disk, "tmpfs", UInt(MS_REMOUNT), "mode=0700") == 0)
        let store = try Store(StoreFile(opening: disk), integrityKey: TestStore.integrityKey, extending: nil)
        store.close()
    }

    private static let strace = "/usr/bin/strace"

    /// System calls of the store's thread that fail for a while, in the middle of writing. Where the sync failed, what was
    /// written is there when the file is opened anew, and where the writing failed it is not.
    @Test(
        .enabled(if: access(strace, X_OK) == 0, "strace makes system calls fail"),
        arguments: [
            ("fdatasync:error=EIO:when=20..23", "cannot be used: disk I/O error, Input/output error"),
            ("pwrite64:error=EIO:when=50..60", "cannot be used: disk I/O error, Input/output error"),
            ("pwrite64:error=ENOSPC:when=50..60", "There is no room on the disk"),
            ("pwrite64:error=EROFS:when=50..60", "cannot be written to: its file system is mounted read-only"),
            ("fdatasync:error=ENOSPC:when=20..23", "There is no room on the disk"),
        ])
    func theStoreOutlastsFailures(fault: String, reason: String) throws {
        let home = try TemporaryDirectory()
        let made = try StoreProcess(["outlast", home.path + "/store", "1"], log: home.path + "/log")
        #expect(made.finish() == ["kept"])
        let process = try StoreProcess(
            ["outlast", home.path + "/store", "60"], log: home.path + "/log",
            under: [
                Self.strace, "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync,pwrite64", "-e", "inject=" + fault,
            ])
        let lines = process.finish()
        #expect(lines.last == "kept" && lines.count > 1 && lines.count < 20, "\(lines)")
        for line in lines.dropLast() { #expect(line.hasPrefix("failed ") && line.contains(reason), "\(line)") }
    }

    @Test func whatSQLiteSaysIsToldApart() {
        func failure(_ code: ResultCode, _ systemError: Int32 = 0) -> StoreFailure {
            StoreFailure(DatabaseError(resultCode: code, message: "m"), in: "/store", systemError: systemError)
        }
        #expect(failure(.SQLITE_FULL) == .diskFull("/store"))
        for code in [ENOSPC, EDQUOT, EFBIG] { #expect(failure(.SQLITE_IOERR_WRITE, code) == .diskFull("/store")) }
        #expect(failure(.SQLITE_READONLY) == .readOnly("/store"))
        #expect(failure(.SQLITE_IOERR_FSYNC, EROFS) == .readOnly("/store"))
        #expect(
            failure(.SQLITE_IOERR_FSYNC, EIO) == .unusable("/store", reason: "m, Input/output error"))
        #expect(failure(.SQLITE_IOERR) == .unusable("/store", reason: "m"))
        #expect(failure(.SQLITE_CORRUPT) == .damaged("/store", detail: "m"))
        #expect(failure(.SQLITE_BUSY) == .inUse("/store"))
    }

    @Test func aDirectoryThatGoesAwayIsNoticedAndComesBack() throws {
        let test = try TestStore()
        let guest = try test.guest("web")
        let away = test.beside("away")
        for round in 0..<3 {
            rename(test.path, away)
            for _ in 0..<2 {
                let reason = refusal { try test.store.setSettings(of: guest, to: Secret("lost")) }
                #expect(reason == .gone(test.path) || reason == .missing(test.path))
            }
            #expect(access(test.path, F_OK) != 0)
            rename(away, test.path)
            // What failed may be there or not, as after a power cut; nothing else is.
            let there = try test.settings(guest)
            #expect([round == 0 ? "settings" : "round \(round - 1)", "lost"].contains(there))
            try test.store.setSettings(of: guest, to: Secret("round \(round)"))
            #expect(try test.settings(guest) == "round \(round)")
        }
        try test.open()
        #expect(try test.settings(guest) == "round 2")
    }

    /// Somebody puts last week's copy in the place of the store that is open.
    @Test func aStoreThatIsReplacedIsNotTaken() throws {
        let test = try TestStore()
        let guest = try test.guest("web")
        try test.copy(to: test.beside("old"))
        try test.open()
        try test.store.setSettings(of: guest, to: Secret("two"))
        rename(test.path, test.beside("away"))
        rename(test.beside("old"), test.path)
        #expect(refusal { try test.store.setSettings(of: guest, to: Secret("three")) } == .gone(test.path))
        for _ in 0..<2 {
            #expect(refusal { try test.store.setSettings(of: guest, to: Secret("three")) }?.isAltered == true)
        }
        rename(test.path, test.beside("old"))
        rename(test.beside("away"), test.path)
        try test.store.setSettings(of: guest, to: Secret("four"))
        try test.open()
        #expect(try test.settings(guest) == "four")
    }

    @Test func theFileAloneGoingIsNoticed() throws {
        let test = try TestStore()
        let guest = try test.guest("web")
        for name in ["store.sqlite-wal", "store.sqlite"] {
            rename("\(test.path)/\(name)", test.beside("away"))
            #expect(refusal { try test.store.setSettings(of: guest, to: Secret("lost")) } == .gone(test.path))
            rename(test.beside("away"), "\(test.path)/\(name)")
            try test.store.setSettings(of: guest, to: Secret(name))
            #expect(try test.settings(guest) == name)
        }
        try test.open()
    }
}
