import Glibc
import HardwareAnchor
import Logging
import TPMCrypto
import TPMServer

/// What the manager's configuration file says, with the standard values of what it does not say.
public struct ManagerConfiguration: Sendable {
    /// Where the configuration is when nobody names a file.
    public static let standardPath = "/etc/vtpm/manager.toml"

    /// The directory of the store and the anchor's material.
    public var directory = "/var/lib/vtpm"
    public var anchor: Anchor
    public var admin = Admin()
    public var guests = Guests()
    public var checkpoint = Checkpoint()
    public var keys = Keys()
    public var xen = Xen()
    public var log = Log()

    /// The host's TPM.
    public struct Anchor: Sendable {
        public var address: AnchorAddress
        public var options = AnchorOptions()
    }

    /// The socket of the operator.
    public struct Admin: Sendable, Equatable {
        public var socket = "/run/vtpm/manager.sock"
        public var mode: mode_t = 0o600
        public var group: gid_t?

        public var permissions: SocketPermissions { SocketPermissions(mode: mode, group: group) }
    }

    /// How guests reach their TPMs, and what serves these.
    public struct Guests: Sendable, Equatable {
        /// The directory of the guests' sockets.
        public var sockets = "/run/vtpm/guests"
        public var mode: mode_t = 0o600
        public var group: gid_t?
        /// The name of the user whose processes engines with a process of their own are.
        public var user = "nobody"
        /// The program that they run: this one.
        var engine = "/proc/self/exe"
        /// How many serving loops there are; 0 stands for one a core.
        public var threads = 0

        public var permissions: SocketPermissions { SocketPermissions(mode: mode, group: group) }
    }

    /// How often the hardware is told where the store stands.
    public struct Checkpoint: Sendable, Equatable {
        public var interval = Duration.seconds(600)
    }

    /// How many 2048-bit RSA keys are made ahead.
    public struct Keys: Sendable, Equatable {
        public var pool = 16
    }

    /// Whether domains of Xen have TPMs, and which.
    public struct Xen: Sendable, Equatable {
        public var isEnabled = false
        public var unknown = Unknown.create
        /// The group of guests that are made for domains.
        public var group = Manager.defaultGroup
        /// True when PCR 4 and 5 of a domain start from what its toolstack boots it with.
        public var measures = false

        /// What to do with a domain whose UUID no guest has.
        public enum Unknown: String, Sendable, CaseIterable {
            /// Make a guest.
            case create
            /// Give it no TPM.
            case refuse
        }
    }

    public struct Log: Sendable, Equatable {
        public var level = Logger.Level.info
        public var format = Format.text

        public enum Format: String, Sendable, CaseIterable {
            /// A line for people.
            case text
            /// A JSON object a line.
            case json
        }
    }

    /// The standard values on this machine.
    public init() { self.init(exists: Self.exists) }

    init(exists: (String) -> Bool) {
        anchor = Anchor(address: Self.standardAnchor(directory, exists))
    }

    /// The TPM that the machine has, or one of this program's own.
    private static func standardAnchor(_ directory: String, _ exists: (String) -> Bool) -> AnchorAddress {
        // The kernel makes a resource manager for each TPM 2.0, and for no TPM 1.2.
        if exists("/dev/tpmrm0") { return .tpm20(tcti: "device:/dev/tpmrm0") }
        if exists("/dev/tpm0"), let device = try? AnchorAddress("tpm1.2:/dev/tpm0") { return device }
        return .software(directory: "\(directory)/anchor")
    }

    private static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    // MARK: The file

    /// Reads a file, which must be there; without a path it is the standard one, which may be missing.
    public init(reading path: String?) throws(ConfigurationError) {
        try self.init(reading: path, standard: Self.standardPath, exists: Self.exists)
    }

    /// - Parameter exists: tells which devices the machine has.
    init(reading path: String?, standard: String, exists: (String) -> Bool) throws(ConfigurationError) {
        self.init(exists: exists)
        let name = path ?? standard
        guard let text = try ConfigurationFile.read(name, mayBeMissing: path == nil) else { return }
        let file = try ConfigurationTable(text, of: name)
        directory = try file.path("directory") ?? directory
        try read(try file.table("anchor"), exists)
        try read(try file.table("admin"))
        try read(guests: try file.table("guests"))
        let checkpoint = try file.table("checkpoint")
        if let seconds = try checkpoint.integer("interval", in: 1...86_400) {
            self.checkpoint.interval = .seconds(seconds)
        }
        try checkpoint.refuseOthers()
        let keys = try file.table("keys")
        self.keys.pool = try keys.integer("pool", in: 0...1024) ?? self.keys.pool
        try keys.refuseOthers()
        try read(xen: try file.table("xen"))
        let log = try file.table("log")
        self.log.level = try log.choice("level", of: Logger.Level.self) ?? self.log.level
        self.log.format = try log.choice("format", of: Log.Format.self) ?? self.log.format
        try log.refuseOthers()
        try file.refuseOthers()
    }

    private mutating func read(
        _ table: ConfigurationTable, _ exists: (String) -> Bool
    ) throws(ConfigurationError) {
        if let address = try table.string("address") {
            do throws(AnchorError) {
                anchor.address = try AnchorAddress(address)
            } catch {
                throw table.error("address", "\(error)")
            }
        } else {
            anchor.address = Self.standardAnchor(directory, exists)
        }
        anchor.options.isOnlyUser = try table.boolean("only-user") ?? anchor.options.isOnlyUser
        if let seconds = try table.integer("timeout", in: 1...3600) { anchor.options.timeout = .seconds(seconds) }
        if let path = try table.path("storage-root-key-file") {
            guard case .tpm12 = anchor.address else {
                throw table.error("storage-root-key-file", "only a TPM 1.2 has such a secret: leave the key out.")
            }
            anchor.options.storageRootKey = .passphrase(try ConfigurationFile.passphrase(path))
        }
        try table.refuseOthers()
    }

    private mutating func read(_ table: ConfigurationTable) throws(ConfigurationError) {
        admin.socket = try table.path("socket", atMost: 107) ?? admin.socket
        admin.mode = try table.mode("mode") ?? admin.mode
        admin.group = try table.group("group")
        try table.refuseOthers()
    }

    private mutating func read(guests table: ConfigurationTable) throws(ConfigurationError) {
        // With a slash, a UUID and the ending of a socket.
        guests.sockets = try table.path("sockets", atMost: 107 - 1 - 36 - 5) ?? guests.sockets
        guests.mode = try table.mode("mode") ?? guests.mode
        guests.group = try table.group("group")
        guests.user = try table.user("user") ?? guests.user
        guests.threads = try table.integer("threads", in: 0...256) ?? guests.threads
        try table.refuseOthers()
    }

    private mutating func read(xen table: ConfigurationTable) throws(ConfigurationError) {
        xen.isEnabled = try table.boolean("enabled") ?? xen.isEnabled
        xen.unknown = try table.choice("unknown", of: Xen.Unknown.self) ?? xen.unknown
        xen.group = try table.string("group") ?? xen.group
        xen.measures = try table.boolean("measure") ?? xen.measures
        try table.refuseOthers()
    }
}
