import Foundation

/// What the manager is and how it does.
public struct ManagerStatus: Codable, Sendable, Equatable {
    public var version: String
    public var started: Date
    /// The store's UUID and directory.
    public var store: UUID
    public var directory: String
    /// What the hardware says that it is, and the fingerprint of its key in hexadecimal digits.
    public var hardware: String
    public var hardwareIdentity: String
    /// Sentences: what does not work now and what to do about it. Empty when all is well.
    public var problems: [String]
    /// When the hardware last took a checkpoint; nil before the first.
    public var lastCheckpoint: Date?
    /// True when something was committed that the hardware does not know of yet.
    public var isCheckpointDue: Bool
    public var groups: Int
    public var openGroups: Int
    public var guests: Int
    public var runningGuests: Int
    /// Keys that are ready in the pool.
    public var readyKeys: Int

    public var isHealthy: Bool { problems.isEmpty }
}

/// What is counted, since the manager started unless said otherwise.
public struct ManagerMetrics: Codable, Sendable, Equatable {
    public var status: ManagerStatus
    /// By state, all that there are.
    public var guestsByState: [String: Int]
    /// Commands that were executed, by all guests.
    public var commands: UInt64
    /// Durable writes that were refused, since the store failed.
    public var storeFailures: UInt64
    public var checkpoints: UInt64
    public var checkpointFailures: UInt64
    /// Clients that are connected to guests' sockets.
    public var connections: Int
}

public struct PublicKeyReport: Codable, Sendable, Equatable {
    /// A SubjectPublicKeyInfo.
    public var pem: String

    public init(pem: String) { self.pem = pem }
}

/// Values of PCRs.
public struct PCRReport: Codable, Sendable, Equatable {
    /// `sha1` or `sha256`.
    public var algorithm: String
    /// The values in hexadecimal digits, by number.
    public var pcrs: [String: String]

    public init(algorithm: String, pcrs: [String: String]) {
        self.algorithm = algorithm
        self.pcrs = pcrs
    }
}

public struct GroupRequest: Codable, Sendable, Equatable {
    public var name: String
    /// The public key (PEM, Ed25519) that signs the group's approvals; nil for a group whose guests start on this machine
    /// whatever it booted.
    public var approvalKey: String?
    /// With an approval key: the PCRs whose present values are the first approved configuration. Nil stands for 0, 2, 4, 7.
    public var pcrs: [Int]?

    public init(name: String, approvalKey: String? = nil, pcrs: [Int]? = nil) {
        self.name = name
        self.approvalKey = approvalKey
        self.pcrs = pcrs
    }
}

public struct GroupReport: Codable, Sendable, Equatable {
    public var id: UUID
    public var name: String
    /// True when the machine's configuration opened the group's key.
    public var isOpen: Bool
    /// Why it is closed.
    public var reason: String?
    /// The fingerprint of the approval key in hexadecimal digits; nil for a group that needs no approval.
    public var approvalKey: String?
    /// The number of the approval in force; 0 before the first.
    public var approvalSequence: UInt64
    /// The names of the approved configurations.
    public var configurations: [String]
    public var guests: Int
}

/// How a guest reaches its TPM.
public enum GuestInterface: String, Codable, Sendable, CaseIterable {
    /// swtpm's control protocol, for QEMU. The TPM gets power when QEMU says so.
    case control
    /// TPM commands and responses, with nothing around them. The TPM has power and has been started while the guest runs.
    case raw
    /// The ring of a domain of Xen. The TPM has power and has been started while the domain lives.
    case xen
}

/// Where a guest's engine runs.
public enum GuestIsolation: String, Codable, Sendable, CaseIterable {
    /// In the manager's process.
    case none
    /// In a child process without privileges.
    case process
}

public struct GuestRequest: Codable, Sendable, Equatable {
    public var name: String
    /// Nil has one chosen.
    public var id: UUID?
    /// The name of its group; nil stands for `default`.
    public var group: String?
    /// Nil stands for `control`.
    public var interface: GuestInterface?
    /// Nil stands for `none`.
    public var isolation: GuestIsolation?
    /// PCRs that start from the host's value each time that the TPM starts.
    public var linkedPCRs: [Int]?
    /// False leaves it stopped; otherwise it is started, and again with the manager.
    public var starts: Bool?

    public init(
        name: String, id: UUID? = nil, group: String? = nil, interface: GuestInterface? = nil,
        isolation: GuestIsolation? = nil, linkedPCRs: [Int]? = nil, starts: Bool? = nil
    ) {
        self.name = name
        self.id = id
        self.group = group
        self.interface = interface
        self.isolation = isolation
        self.linkedPCRs = linkedPCRs
        self.starts = starts
    }
}

public struct GuestReport: Codable, Sendable, Equatable {
    public enum State: String, Codable, Sendable, CaseIterable {
        case stopped, running, suspended
        /// It is to run, and cannot: `problem` says why.
        case failed
    }

    public var id: UUID
    public var name: String
    public var group: String
    public var state: State
    /// Nil, like the next two, while its group is closed.
    public var interface: GuestInterface?
    public var isolation: GuestIsolation?
    public var linkedPCRs: [Int]?
    /// The path of the Unix socket, while it runs; nil for a domain of Xen.
    public var socket: String?
    /// The number of the domain of Xen that it runs for.
    public var domain: UInt16?
    public var created: Date
    /// Why it does not run though it should, or why its commands fail.
    public var problem: String?
}

public struct EventReport: Codable, Sendable, Equatable {
    public var time: Date
    public var kind: String
    public var text: String

    public init(time: Date, kind: String, text: String) {
        self.time = time
        self.kind = kind
        self.text = text
    }
}
