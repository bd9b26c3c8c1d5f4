/// TPM_Startup (Part 3, 3.2).
public enum Startup: Command {
    public static let ordinal = Ordinal.startup
    public typealias Response = NoOperands

    public struct Request: Operands, Equatable {
        public var startupType: StartupType
        public init() { startupType = .clear }
        public init(_ startupType: StartupType) { self.startupType = startupType }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("startupType", &startupType)
        }
    }
}

/// TPM_SaveState (Part 3, 3.3).
public enum SaveState: Command {
    public static let ordinal = Ordinal.saveState
    public typealias Request = NoOperands
    public typealias Response = NoOperands
}
