/// TPM_Terminate_Handle (Part 3, 27.2).
public enum TerminateHandle: Command {
    public static let ordinal = Ordinal.terminateHandle
    public typealias Response = NoOperands

    public struct Request: Operands, Equatable {
        public var handle: UInt32 = 0
        public init() {}
        public init(handle: UInt32) { self.handle = handle }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.uint32("handle", &handle)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {}
    }
}

/// TPM_Reset (Part 3, 27.5).
public enum Reset: Command {
    public static let ordinal = Ordinal.reset
    public typealias Request = NoOperands
    public typealias Response = NoOperands
}
