import TPMCrypto

/// TPM_ChangeAuth (Part 3, 17.1).
public enum ChangeAuth: Command {
    public static let ordinal = Ordinal.changeAuth

    /// A handle and 28 + n bytes. An unknown protocol is TPM_BAD_PARAMETER; every entity type decodes.
    public struct Request: Operands, Equatable {
        public var parentHandle = KeyHandle()
        public var protocolID = ProtocolID.adcp
        /// 20 bytes, encrypted.
        public var newAuth = Secret(count: Digest.byteCount)
        public var entityType = EntityType(rawValue: 0)
        /// The encData of a TPM_STORED_DATA or a TPM_KEY.
        public var encData: [UInt8] = []
        public init() {}
        public init(
            parentHandle: KeyHandle, protocolID: ProtocolID = .adcp, newAuth: Secret, entityType: EntityType,
            encData: [UInt8]
        ) {
            self.parentHandle = parentHandle
            self.protocolID = protocolID
            self.newAuth = newAuth
            self.entityType = entityType
            self.encData = encData
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("parentHandle", &parentHandle)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("protocolID", &protocolID, else: .badParameter)
            try coder.authData("newAuth", &newAuth)
            try coder.value("entityType", &entityType)
            try coder.sized("encData", .u32("encDataSize"), &encData)
        }
    }

    /// 4 + n bytes.
    public struct Response: Operands, Equatable {
        public var outData: [UInt8] = []
        public init() {}
        public init(outData: [UInt8]) { self.outData = outData }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.sized("outData", .u32("outDataSize"), &outData)
        }
    }
}

/// TPM_ChangeAuthOwner (Part 3, 17.2).
public enum ChangeAuthOwner: Command {
    public static let ordinal = Ordinal.changeAuthOwner
    public typealias Response = NoOperands

    /// 24 bytes. An unknown protocol is TPM_BAD_PARAMETER; every entity type decodes.
    public struct Request: Operands, Equatable {
        public var protocolID = ProtocolID.adcp
        /// 20 bytes, encrypted.
        public var newAuth = Secret(count: Digest.byteCount)
        public var entityType = EntityType(rawValue: 0)
        public init() {}
        public init(protocolID: ProtocolID = .adcp, newAuth: Secret, entityType: EntityType) {
            self.protocolID = protocolID
            self.newAuth = newAuth
            self.entityType = entityType
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("protocolID", &protocolID, else: .badParameter)
            try coder.authData("newAuth", &newAuth)
            try coder.value("entityType", &entityType)
        }
    }
}
