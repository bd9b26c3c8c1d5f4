import Foundation

/// What an operator can have the manager do: the verbs of `vtpm manager` and `vtpm guest`, and the requests of the admin
/// socket. Every call may block on the disk or the hardware TPM.
public protocol ManagerCommands: Sendable {
    func status() throws(ManagerError) -> ManagerStatus

    // MARK: Groups

    func groups() throws(ManagerError) -> [GroupReport]

    /// - Parameter approvalKey: the public key (PEM, Ed25519) that signs the group's approvals; nil for a group whose
    ///   guests start on this machine whatever it booted.
    func createGroup(named name: String, approvalKey: String?) throws(ManagerError) -> GroupReport

    func deleteGroup(named name: String) throws(ManagerError)

    /// Takes a signed list of approved configurations.
    func approve(_ approval: SignedApproval) throws(ManagerError) -> GroupReport

    // MARK: Guests

    func guests() throws(ManagerError) -> [GuestReport]
    /// - Parameter guest: a name or a UUID, here and below.
    func guest(_ guest: String) throws(ManagerError) -> GuestReport
    func createGuest(_ request: GuestRequest) throws(ManagerError) -> GuestReport
    func startGuest(_ guest: String) throws(ManagerError) -> GuestReport
    func stopGuest(_ guest: String) throws(ManagerError) -> GuestReport
    /// Puts the running TPM on disk, from which ``resumeGuest(_:)`` goes on.
    func suspendGuest(_ guest: String) throws(ManagerError) -> GuestReport
    func resumeGuest(_ guest: String) throws(ManagerError) -> GuestReport
    /// Removes a guest that is stopped, and with it the TPM's state, for good.
    func destroyGuest(_ guest: String) throws(ManagerError)
    func events(of guest: String) throws(ManagerError) -> [EventReport]
}

/// Why the manager refused or failed.
public struct ManagerError: Error, CustomStringConvertible, Equatable {
    /// What kind of failure it is, for whoever has to act on it without reading.
    public enum Kind: String, Sendable, Codable, CaseIterable {
        /// There is no such guest or group.
        case notFound
        /// The name is taken, or the guest is in a state in which this cannot be done.
        case conflict
        /// A name, a key or a list that cannot be used.
        case invalid
        /// What the machine booted is not approved for the group.
        case notApproved
        /// The hardware TPM is another one, gone or locked out.
        case hardware
        /// The store is older than its checkpoint, was changed, or cannot be read or written.
        case store
        /// Anything else.
        case failed
    }

    public let kind: Kind
    /// A sentence that says what to do.
    public let description: String

    public init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}

/// What the manager is and how it does.
public struct ManagerStatus: Codable, Sendable, Equatable {
    public var version: String
    /// The store's UUID and directory.
    public var store: UUID
    public var directory: String
    /// What the hardware says that it is, and the fingerprint of its key.
    public var hardware: String
    public var hardwareIdentity: String
    /// True when hardware and store work; `problems` says why not.
    public var isHealthy: Bool
    public var problems: [String]
    /// When the hardware last took a checkpoint, and how many commits the store made since.
    public var lastCheckpoint: Date?
    public var guests: Int
    public var runningGuests: Int
    public var groups: Int
    /// Keys that are ready in the pool.
    public var readyKeys: Int
    public var started: Date
}

public struct GroupReport: Codable, Sendable, Equatable {
    public var id: UUID
    public var name: String
    /// True when the machine's configuration opens the group's key.
    public var isOpen: Bool
    /// Why it is closed.
    public var reason: String?
    /// The fingerprint of the approval key; nil for a group that needs no approval.
    public var approvalKey: String?
    /// The number of the last approval; 0 before the first.
    public var approvalSequence: UInt64
    /// The names of the approved configurations.
    public var configurations: [String]
    public var guests: Int
}

/// How a guest reaches its TPM.
public enum GuestInterface: String, Codable, Sendable, CaseIterable {
    /// swtpm's control protocol, for QEMU.
    case control
    /// TPM commands and responses, with nothing around them.
    case raw
}

public struct GuestRequest: Codable, Sendable, Equatable {
    public var name: String
    /// Nil has one chosen.
    public var id: UUID?
    /// The name of its group.
    public var group: String
    public var interface: GuestInterface
    /// PCRs whose value at each start of the TPM is made of the host's.
    public var linkedPCRs: [Int]
    /// True for an engine in a child process without privileges.
    public var isIsolated: Bool
    /// True has it started, and started again with the manager.
    public var starts: Bool

    public init(
        name: String, id: UUID? = nil, group: String = "default", interface: GuestInterface = .control,
        linkedPCRs: [Int] = [], isIsolated: Bool = false, starts: Bool = true
    ) {
        self.name = name
        self.id = id
        self.group = group
        self.interface = interface
        self.linkedPCRs = linkedPCRs
        self.isIsolated = isIsolated
        self.starts = starts
    }
}

public struct GuestReport: Codable, Sendable, Equatable {
    public enum State: String, Codable, Sendable {
        case stopped, running, suspended
    }

    public var id: UUID
    public var name: String
    public var group: String
    public var state: State
    public var interface: GuestInterface
    /// The path of the Unix socket, while it runs.
    public var socket: String?
    public var linkedPCRs: [Int]
    public var isIsolated: Bool
    public var created: Date
    /// Why it does not run though it should.
    public var problem: String?
}

public struct EventReport: Codable, Sendable, Equatable {
    public var time: Date
    public var kind: String
    public var text: String
}

/// A list of approved configurations and its signature.
public struct SignedApproval: Codable, Sendable, Equatable {
    /// The JSON of an ``ApprovalList``, byte for byte as it was signed.
    public var list: Data
    /// Ed25519, 64 bytes.
    public var signature: Data

    public init(list: Data, signature: Data) {
        self.list = list
        self.signature = signature
    }
}

/// Which configurations of a host open a group's key.
public struct ApprovalList: Codable, Sendable, Equatable {
    public struct Configuration: Codable, Sendable, Equatable {
        public var name: String
        /// `sha1` or `sha256`.
        public var algorithm: String
        /// The values of PCRs in hexadecimal digits, by number.
        public var pcrs: [String: String]

        public init(name: String, algorithm: String, pcrs: [String: String]) {
            self.name = name
            self.algorithm = algorithm
            self.pcrs = pcrs
        }
    }

    /// The group's name.
    public var group: String
    /// Higher than that of every list before.
    public var sequence: UInt64
    public var configurations: [Configuration]

    public init(group: String, sequence: UInt64, configurations: [Configuration]) {
        self.group = group
        self.sequence = sequence
        self.configurations = configurations
    }
}
