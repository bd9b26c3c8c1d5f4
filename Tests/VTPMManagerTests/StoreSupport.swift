import Foundation
import GRDB
import Glibc
import TPMCrypto
import Testing

@testable import VTPMManager

/// A directory of its own that goes with the test.
final class TemporaryDirectory {
    let path: String

    init() throws {
        var template = Array("/tmp/vtpm-store-test-XXXXXX".utf8CString)
        path = String(cString: try #require(mkdtemp(&template)))
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// A store with one open group and keys that everybody knows.
final class TestStore {
    static let integrityKey = Secret([UInt8](repeating: 0x11, count: 32))
    static let groupKey = Secret([UInt8](repeating: 0x22, count: 32))

    private let home: TemporaryDirectory
    let path: String
    private(set) var store: Store
    let group: UUID

    init() throws {
        home = try TemporaryDirectory()
        path = home.path + "/store"
        store = try Store.create(in: path, integrityKey: Self.integrityKey)
        group = try store.createGroup(name: "group", key: Self.groupKey, wrappings: []).id
    }

    /// A directory beside the store's.
    func beside(_ name: String) -> String { "\(home.path)/\(name)" }

    func guest(_ name: String, settings: String = "settings") throws -> UUID {
        try store.createGuest(name: name, group: group, settings: Secret(settings)).id
    }

    func settings(_ guest: UUID) throws -> String? { try store.settings(of: guest)?.text }

    // MARK: Closing and opening

    func close() { store.close() }

    /// Opens the store of the directory, with its group.
    func open(extending checkpoint: Checkpoint? = nil) throws {
        store.close()
        store = try Store(StoreFile(opening: path), integrityKey: Self.integrityKey, extending: checkpoint)
        try store.openGroup(group, key: Self.groupKey)
    }

    // MARK: Copies and changes behind the store's back

    /// Closes the store, and copies its files.
    func copy(to directory: String) throws {
        close()
        try? FileManager.default.removeItem(atPath: directory)
        try FileManager.default.copyItem(atPath: path, toPath: directory)
    }

    /// Puts a copy in the place of the store.
    func putBack(_ directory: String) throws {
        close()
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.copyItem(atPath: directory, toPath: path)
    }

    /// Closes the store, and changes its rows as somebody would who has the disk.
    func change(_ sql: String, arguments: StatementArguments = []) throws {
        close()
        try changeRows(of: path, sql, arguments: arguments)
    }
}

func changeRows(of path: String, _ sql: String, arguments: StatementArguments = []) throws {
    var configuration = Configuration()
    configuration.foreignKeysEnabled = false
    let queue = try DatabaseQueue(path: path + "/store.sqlite", configuration: configuration)
    try queue.write { try $0.execute(sql: sql, arguments: arguments) }
    try queue.close()
}

/// Why the store refused.
func refusal(_ body: () throws -> Void) -> StoreFailure? {
    do {
        try body()
        return nil
    } catch {
        return error as? StoreFailure ?? .closed
    }
}

extension Secret {
    init(_ text: String) { self.init(Array(text.utf8)) }
    var text: String { String(decoding: bytes, as: UTF8.self) }
}

extension StoreFailure {
    var isAltered: Bool { if case .altered = self { true } else { false } }
    var isDamaged: Bool { if case .damaged = self { true } else { false } }
}

/// The program beside the tests that writes to a store from a process of its own.
final class StoreProcess {
    private let process = Process()
    private let log: String
    private let output: FileHandle

    /// - Parameters:
    ///   - log: a file that takes what it prints.
    ///   - runner: a program with arguments that runs it.
    init(_ arguments: [String], log: String, under runner: [String] = []) throws {
        self.log = log
        try Data().write(to: URL(fileURLWithPath: log))
        output = try #require(FileHandle(forWritingAtPath: log))
        let tests = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        let bundle = Bundle.allBundles.map(\.bundleURL).first { $0.pathExtension == "xctest" } ?? tests
        let program = bundle.deletingLastPathComponent().appendingPathComponent("vtpm-store")
        process.executableURL = runner.first.map { URL(fileURLWithPath: $0) } ?? program
        process.arguments = runner.isEmpty ? arguments : runner.dropFirst() + [program.path] + arguments
        process.standardOutput = output
        process.standardError = output
        try process.run()
    }

    deinit { if process.isRunning { kill() } }

    func kill() {
        Glibc.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// The lines so far, without one that is not whole.
    var lines: [String] {
        guard let text = try? String(contentsOfFile: log, encoding: .utf8) else { return [] }
        return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
    }

    /// Waits until it printed so many lines; false when it ended or took 60 seconds.
    func wait(forLines count: Int) -> Bool {
        for _ in 0..<60_000 {
            if lines.count >= count { return true }
            guard process.isRunning else { return false }
            usleep(1000)
        }
        return false
    }

    /// Waits for the end.
    func finish() -> [String] {
        process.waitUntilExit()
        return lines
    }
}
