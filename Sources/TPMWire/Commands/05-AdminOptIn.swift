import TPMCrypto

/// TPM_SetOwnerInstall (Part 3, 5.1).
public enum SetOwnerInstall: Command {
    public static let ordinal = Ordinal.setOwnerInstall
    public typealias Response = NoOperands

    /// 1 byte; a state that is neither TRUE nor FALSE is TPM_BAD_PARAMETER.
    public struct Request: Operands, Equatable {
        public var state = false
        public init() {}
        public init(state: Bool) { self.state = state }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.bool("state", &state)
        }
    }
}

/// TPM_OwnerSetDisable (Part 3, 5.2).
public enum OwnerSetDisable: Command {
    public static let ordinal = Ordinal.ownerSetDisable
    public typealias Response = NoOperands

    /// 1 byte; a state that is neither TRUE nor FALSE is TPM_BAD_PARAMETER.
    public struct Request: Operands, Equatable {
        public var disableState = false
        public init() {}
        public init(disableState: Bool) { self.disableState = disableState }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.bool("disableState", &disableState)
        }
    }
}

/// TPM_PhysicalEnable (Part 3, 5.3).
public enum PhysicalEnable: Command {
    public static let ordinal = Ordinal.physicalEnable
    public typealias Request = NoOperands
    public typealias Response = NoOperands
}

/// TPM_PhysicalDisable (Part 3, 5.4).
public enum PhysicalDisable: Command {
    public static let ordinal = Ordinal.physicalDisable
    public typealias Request = NoOperands
    public typealias Response = NoOperands
}

/// TPM_PhysicalSetDeactivated (Part 3, 5.5).
public enum PhysicalSetDeactivated: Command {
    public static let ordinal = Ordinal.physicalSetDeactivated
    public typealias Request = SetOwnerInstall.Request
    public typealias Response = NoOperands
}

/// TPM_SetTempDeactivated (Part 3, 5.6).
public enum SetTempDeactivated: Command {
    public static let ordinal = Ordinal.setTempDeactivated
    public typealias Request = NoOperands
    public typealias Response = NoOperands
}

/// TPM_SetOperatorAuth (Part 3, 5.7).
public enum SetOperatorAuth: Command {
    public static let ordinal = Ordinal.setOperatorAuth
    public typealias Response = NoOperands

    /// 20 bytes, sent in the clear.
    public struct Request: Operands, Equatable {
        public var operatorAuth = Secret(count: Digest.byteCount)
        public init() {}
        public init(operatorAuth: Secret) { self.operatorAuth = operatorAuth }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.authData("operatorAuth", &operatorAuth)
        }
    }
}
