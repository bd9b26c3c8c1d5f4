import TPMCrypto

/// TPM_CreateMaintenanceArchive (Part 3, 12.1).
public enum CreateMaintenanceArchive: Command {
    public static let ordinal = Ordinal.createMaintenanceArchive

    /// 1 byte.
    public struct Request: Operands, Equatable {
        /// True to mask the archive with random bytes, false with the owner's secret.
        public var generateRandom = false
        public init() {}
        public init(generateRandom: Bool) { self.generateRandom = generateRandom }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.bool("generateRandom", &generateRandom)
        }
    }

    /// 8 + n bytes.
    public struct Response: Operands, Equatable {
        /// The mask, for the next owner alone; empty for one that is made of the owner's secret.
        public var random: [UInt8] = []
        /// A TPM_KEY, the SRK, whose encData is encrypted for the manufacturer.
        public var archive: [UInt8] = []
        public init() {}
        public init(random: [UInt8], archive: [UInt8]) {
            self.random = random
            self.archive = archive
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.sized("random", .u32("randomSize"), &random)
            try coder.sized("archive", .u32("archiveSize"), &archive)
        }
    }
}

/// TPM_LoadMaintenanceArchive (Part 3, 12.2), whose operands behind the archive are the vendor's.
public enum LoadMaintenanceArchive: Command {
    public static let ordinal = Ordinal.loadMaintenanceArchive
    public typealias Response = NoOperands

    /// 12 + n bytes.
    public struct Request: Operands, Equatable {
        /// What TPM_CreateMaintenanceArchive returned, its encData encrypted anew for this TPM's SRK.
        public var archive: [UInt8] = []
        /// The mask; empty for one that is made of the owner's secret.
        public var random: [UInt8] = []
        /// The manufacturer's signature (PKCS #1 v1.5) over the SHA-1 of the archive.
        public var signature: [UInt8] = []
        public init() {}
        public init(archive: [UInt8], random: [UInt8], signature: [UInt8]) {
            self.archive = archive
            self.random = random
            self.signature = signature
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.sized("archive", .u32("archiveSize"), &archive)
            try coder.sized("random", .u32("randomSize"), &random)
            try coder.sized("signature", .u32("signatureSize"), &signature)
        }
    }
}

/// TPM_KillMaintenanceFeature (Part 3, 12.3).
public enum KillMaintenanceFeature: Command {
    public static let ordinal = Ordinal.killMaintenanceFeature
    public typealias Request = NoOperands
    public typealias Response = NoOperands
}

/// TPM_LoadManuMaintPub (Part 3, 12.4).
public enum LoadManuMaintPub: Command {
    public static let ordinal = Ordinal.loadManuMaintPub
    public typealias Response = ReadManuMaintPub.Response

    /// 20 bytes and the key; throws what ``Pubkey`` throws.
    public struct Request: Operands, Equatable {
        public var antiReplay = Digest()
        public var pubKey = Pubkey()
        public init() {}
        public init(antiReplay: Digest, pubKey: Pubkey) {
            self.antiReplay = antiReplay
            self.pubKey = pubKey
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.digest("antiReplay", &antiReplay)
            try coder.structure("pubKey", &pubKey)
        }
    }
}

/// TPM_ReadManuMaintPub (Part 3, 12.5).
public enum ReadManuMaintPub: Command {
    public static let ordinal = Ordinal.readManuMaintPub

    public struct Request: Operands, Equatable {
        public var antiReplay = Digest()
        public init() {}
        public init(antiReplay: Digest) { self.antiReplay = antiReplay }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.digest("antiReplay", &antiReplay)
        }
    }

    public struct Response: Operands, Equatable {
        /// SHA-1 of the key and antiReplay.
        public var checksum = Digest()
        public init() {}
        public init(checksum: Digest) { self.checksum = checksum }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.digest("checksum", &checksum)
        }
    }
}
