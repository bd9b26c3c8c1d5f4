/// TPM_TakeOwnership (Part 3, 6.1).
public enum TakeOwnership: Command {
    public static let ordinal = Ordinal.takeOwnership

    /// 10 bytes, the two encrypted secrets and the key. An unknown protocol is TPM_BAD_PARAMETER.
    public struct Request: Operands, Equatable {
        public var protocolID = ProtocolID.owner
        /// The new owner's AuthData, encrypted with the endorsement key.
        public var encOwnerAuth: [UInt8] = []
        /// The AuthData of the new SRK, encrypted with the endorsement key.
        public var encSrkAuth: [UInt8] = []
        public var srkParams = Key()
        public init() {}
        public init(protocolID: ProtocolID = .owner, encOwnerAuth: [UInt8], encSrkAuth: [UInt8], srkParams: Key) {
            self.protocolID = protocolID
            self.encOwnerAuth = encOwnerAuth
            self.encSrkAuth = encSrkAuth
            self.srkParams = srkParams
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("protocolID", &protocolID, else: .badParameter)
            try coder.sized("encOwnerAuth", .u32("encOwnerAuthSize"), &encOwnerAuth)
            try coder.sized("encSrkAuth", .u32("encSrkAuthSize"), &encSrkAuth)
            try coder.structure("srkParams", &srkParams)
        }
    }

    public struct Response: Operands, Equatable {
        /// Of the form that came in, without its encrypted part.
        public var srkPub = Key()
        public init() {}
        public init(srkPub: Key) { self.srkPub = srkPub }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.structure("srkPub", &srkPub)
        }
    }
}

/// TPM_OwnerClear (Part 3, 6.2).
public enum OwnerClear: Command {
    public static let ordinal = Ordinal.ownerClear
    public typealias Request = NoOperands
    public typealias Response = NoOperands
}

/// TPM_ForceClear (Part 3, 6.3).
public enum ForceClear: Command {
    public static let ordinal = Ordinal.forceClear
    public typealias Request = NoOperands
    public typealias Response = NoOperands
}

/// TPM_DisableOwnerClear (Part 3, 6.4).
public enum DisableOwnerClear: Command {
    public static let ordinal = Ordinal.disableOwnerClear
    public typealias Request = NoOperands
    public typealias Response = NoOperands
}

/// TPM_DisableForceClear (Part 3, 6.5).
public enum DisableForceClear: Command {
    public static let ordinal = Ordinal.disableForceClear
    public typealias Request = NoOperands
    public typealias Response = NoOperands
}

/// TSC_PhysicalPresence (Part 3, 6.6).
public enum TSCPhysicalPresence: Command {
    public static let ordinal = Ordinal.tscPhysicalPresence
    public typealias Response = NoOperands

    /// 2 bytes; a bit that is not defined is TPM_BAD_PARAMETER.
    public struct Request: Operands, Equatable {
        public var physicalPresence = PhysicalPresence()
        public init() {}
        public init(physicalPresence: PhysicalPresence) { self.physicalPresence = physicalPresence }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("physicalPresence", &physicalPresence)
        }
    }
}

/// TSC_ResetEstablishmentBit (Part 3, 6.7).
public enum TSCResetEstablishmentBit: Command {
    public static let ordinal = Ordinal.tscResetEstablishmentBit
    public typealias Request = NoOperands
    public typealias Response = NoOperands
}
