/// TPM_SelfTestFull (Part 3, 4.1).
public enum SelfTestFull: Command {
    public static let ordinal = Ordinal.selfTestFull
    public typealias Request = NoOperands
    public typealias Response = NoOperands
}

/// TPM_ContinueSelfTest (Part 3, 4.2).
public enum ContinueSelfTest: Command {
    public static let ordinal = Ordinal.continueSelfTest
    public typealias Request = NoOperands
    public typealias Response = NoOperands
}

/// TPM_GetTestResult (Part 3, 4.3).
public enum GetTestResult: Command {
    public static let ordinal = Ordinal.getTestResult
    public typealias Request = NoOperands

    public struct Response: Operands, Equatable {
        public var outData: [UInt8] = []
        public init() {}
        public init(outData: [UInt8]) { self.outData = outData }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.sized("outData", .u32("outDataSize"), &outData)
        }
    }
}
