import Foundation
import Glibc
import TPMCrypto
import VTPMManager

/// Writes to a store from a process of its own, for the tests that kill it or take its disk away, and for measuring.
///
///     vtpm-store hammer DIRECTORY THREADS BYTES          write until killed; every line says what is durable
///     vtpm-store limit DIRECTORY BYTES                   write until no file may grow, then on without that limit
///     vtpm-store outlast DIRECTORY WRITES                write on whatever the disk says
///     vtpm-store measure DIRECTORY THREADS BYTES SECONDS durable commits a second beside bare syncs a second
///     vtpm-store guests DIRECTORY GUESTS SECONDS         the same of TPMs that are told, and wait in no thread
///     vtpm-store syncs FILE BYTES SECONDS                bare syncs a second
@main enum StoreWriter {
    static func main() {
        // A pipe's reader that went, and a file that is too large, are errors and no end.
        signal(SIGPIPE, SIG_IGN)
        signal(SIGXFSZ, SIG_IGN)
        let arguments = Array(CommandLine.arguments.dropFirst())
        do {
            switch arguments.first {
            case "hammer" where arguments.count == 4:
                try Hammer(arguments[1], size: number(arguments[3])).run(threads: number(arguments[2]))
            case "limit" where arguments.count == 3:
                try Limit(arguments[1]).run(below: number(arguments[2]))
            case "outlast" where arguments.count == 3:
                try Outlast(arguments[1]).run(writes: number(arguments[2]))
            case "measure" where arguments.count == 5:
                try Measurement(arguments[1], size: number(arguments[3]))
                    .run(threads: number(arguments[2]), seconds: Double(number(arguments[4])))
            case "guests" where arguments.count == 4:
                try Guests(arguments[1], number(arguments[2])).run(seconds: Double(number(arguments[3])))
            case "syncs" where arguments.count == 4:
                try BareSyncs(path: arguments[1], size: number(arguments[2])).run(seconds: Double(number(arguments[3])))
            default:
                say("usage: vtpm-store hammer|limit|outlast|measure|guests|syncs …")
                exit(2)
            }
        } catch {
            say("failed: \(error)")
            exit(1)
        }
    }

    private static func number(_ text: String) -> Int { Int(text) ?? 0 }
}

/// Writes a line at once, whole.
func say(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = write(STDOUT_FILENO, bytes, bytes.count)
}

/// A store with keys that everybody knows.
struct OpenedStore {
    static let integrityKey = Secret([UInt8](repeating: 1, count: 32))
    static let groupKey = Secret([UInt8](repeating: 2, count: 32))

    let store: Store
    private let group: UUID

    /// Opens the store in the directory, or makes one.
    init(_ directory: String, extending checkpoint: Checkpoint? = nil) throws {
        if access(directory + "/store.sqlite", F_OK) == 0 {
            store = try Store(
                StoreFile(opening: directory), integrityKey: Self.integrityKey, extending: checkpoint)
        } else {
            store = try Store.create(in: directory, integrityKey: Self.integrityKey)
        }
        if let group = store.group(named: "group") {
            try store.openGroup(group.id, key: Self.groupKey)
            self.group = group.id
        } else {
            group = try store.createGroup(name: "group", key: Self.groupKey, wrappings: []).id
        }
    }

    /// The guests of these numbers, made where they are missing.
    func guests(_ count: Int) throws -> [UUID] {
        try (0..<count).map { number in
            let name = "guest-\(number)"
            if let guest = try store.guest(named: name) { return guest.id }
            return try store.createGuest(name: name, group: group, settings: record(0, size: 8)).id
        }
    }
}

/// A record of so many bytes that says which it is in its first 8.
func record(_ number: UInt64, size: Int) -> Secret {
    let bytes = withUnsafeBytes(of: number.bigEndian) { Array($0) }
    return Secret(bytes + [UInt8](repeating: bytes.last ?? 0, count: max(0, size - 8)))
}

/// What `record(_:size:)` was made with.
func number(of record: Secret) -> UInt64 { record.bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) } }
