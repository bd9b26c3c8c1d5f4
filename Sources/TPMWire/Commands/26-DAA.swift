/// TPM_DAA_Join (Part 3, 26.1).
public enum DAAJoin: Command {
    public static let ordinal = Ordinal.daaJoin

    /// 4 + 9 + n bytes: one stage of a join. Any stage decodes.
    public struct Request: Operands, Equatable {
        /// The DAA session; of no account at stage 0, which opens one.
        public var handle: UInt32 = 0
        public var stage: UInt8 = 0
        public var inputData0: [UInt8] = []
        public var inputData1: [UInt8] = []
        public init() {}
        public init(handle: UInt32, stage: UInt8, inputData0: [UInt8] = [], inputData1: [UInt8] = []) {
            self.handle = handle
            self.stage = stage
            self.inputData0 = inputData0
            self.inputData1 = inputData1
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.uint32("handle", &handle)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.uint8("stage", &stage)
            try coder.sized("inputData0", .u32("inputSize0"), &inputData0)
            try coder.sized("inputData1", .u32("inputSize1"), &inputData1)
        }
    }

    /// 4 + n bytes. The handle that stage 0 opens is among the data and so enters the HMAC.
    public struct Response: Operands, Equatable {
        public var outputData: [UInt8] = []
        public init() {}
        public init(outputData: [UInt8]) { self.outputData = outputData }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.sized("outputData", .u32("outputSize"), &outputData)
        }
    }
}

/// TPM_DAA_Sign (Part 3, 26.2).
public enum DAASign: Command {
    public static let ordinal = Ordinal.daaSign
    public typealias Request = DAAJoin.Request
    public typealias Response = DAAJoin.Response
}
