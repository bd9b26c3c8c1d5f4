import Foundation

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

    /// The group's UUID, so that a list is of no use for another group or store.
    public var group: UUID
    /// Higher than that of every list before.
    public var sequence: UInt64
    public var configurations: [Configuration]

    public init(group: UUID, sequence: UInt64, configurations: [Configuration]) {
        self.group = group
        self.sequence = sequence
        self.configurations = configurations
    }
}
