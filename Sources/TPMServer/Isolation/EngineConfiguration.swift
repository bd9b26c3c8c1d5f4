import Glibc
import Logging
import TPMCrypto
import TPMEngine

/// What an engine in a child process is told on its command line; nothing of it is secret.
struct EngineConfiguration: Sendable, Equatable {
    /// What is spoken at the sockets, in the order of their descriptors.
    var doors: [Server.Door] = []
    var startup = StartupKind.clear
    var isPoweredAtStart = true
    var survivesShutdown = false
    var rejectsLocality4 = false
    var maximumConnections = 64
    var logLevel = Logger.Level.info
    /// What PCRs begin with in place of their usual values.
    var initialPCRs: [Int: Digest] = [:]
    /// Nil to stay who it is.
    var user: EngineUser?

    init() {}

    /// As words; ``init(arguments:)`` takes them.
    var arguments: [String] {
        var words = doors.map { "door=\($0 == .data ? "data" : "control")" }
        words += [
            "startup=\(startup.rawValue)", "powered=\(isPoweredAtStart)", "survives-shutdown=\(survivesShutdown)",
            "rejects-locality-4=\(rejectsLocality4)",
            "connections=\(maximumConnections)", "log=\(logLevel.rawValue)",
        ]
        words += initialPCRs.sorted { $0.key < $1.key }.map { "pcr=\($0):\($1)" }
        if let user { words += ["user=\(user.user)", "group=\(user.group)"] }
        return words
    }

    /// Nil for words that no manager writes.
    init?(arguments: some Sequence<String>) {
        var (uid, gid): (uid_t?, gid_t?)
        for word in arguments {
            let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
            guard let name = parts.first, let value = parts.dropFirst().first else { return nil }
            switch name {
            case "door" where value == "data": doors.append(.data)
            case "door" where value == "control": doors.append(.control)
            case "startup":
                guard let kind = StartupKind(rawValue: value) else { return nil }
                startup = kind
            case "powered":
                guard let flag = Bool(value) else { return nil }
                isPoweredAtStart = flag
            case "survives-shutdown":
                guard let flag = Bool(value) else { return nil }
                survivesShutdown = flag
            case "rejects-locality-4":
                guard let flag = Bool(value) else { return nil }
                rejectsLocality4 = flag
            case "connections":
                guard let count = Int(value), count > 0 else { return nil }
                maximumConnections = count
            case "log":
                guard let level = Logger.Level(rawValue: value) else { return nil }
                logLevel = level
            case "pcr":
                guard let (register, digest) = Self.register(value) else { return nil }
                initialPCRs[register] = digest
            case "user":
                guard let number = uid_t(value) else { return nil }
                uid = number
            case "group":
                guard let number = gid_t(value) else { return nil }
                gid = number
            default: return nil
            }
        }
        guard (uid == nil) == (gid == nil) else { return nil }
        if let uid, let gid { user = EngineUser(user: uid, group: gid) }
    }

    /// The number and the value of `N:HEX`.
    private static func register(_ text: String) -> (Int, Digest)? {
        let parts = text.split(separator: ":")
        guard parts.count == 2, let number = Int(parts[0]), 0..<PCRBank.count ~= number else { return nil }
        let digits = Array(parts[1])
        let bytes = stride(from: 0, to: digits.count - 1, by: 2).compactMap {
            UInt8(String(digits[$0...($0 + 1)]), radix: 16)
        }
        guard digits.count == 2 * Digest.byteCount, let digest = Digest(bytes) else { return nil }
        return (number, digest)
    }
}

/// Who an engine is: a user without privileges.
public struct EngineUser: Sendable, Equatable {
    public var user: uid_t
    public var group: gid_t

    public init(user: uid_t, group: gid_t) {
        self.user = user
        self.group = group
    }

    /// A user of the system, by name, with the group that the system gives him.
    public init(_ name: String) throws(ProcessError) { self = try ProcessUser.named(name) }
}
