import TPMCrypto

/// TPM_CreateCounter (Part 3, 25.1).
public enum CreateCounter: Command {
    public static let ordinal = Ordinal.createCounter

    /// 24 bytes.
    public struct Request: Operands, Equatable {
        /// 20 bytes, encrypted.
        public var encAuth = Secret(count: Digest.byteCount)
        /// 4 bytes.
        public var label: [UInt8] = [0, 0, 0, 0]
        public init() {}
        public init(encAuth: Secret, label: [UInt8]) {
            self.encAuth = encAuth
            self.label = label
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.authData("encAuth", &encAuth)
            try coder.fixed("label", &label, count: 4)
        }
    }

    /// 14 bytes.
    public struct Response: Operands, Equatable {
        public var countID: UInt32 = 0
        public var counterValue = CounterValue()
        public init() {}
        public init(countID: UInt32, counterValue: CounterValue) {
            self.countID = countID
            self.counterValue = counterValue
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.uint32("countID", &countID)
            try coder.structure("counterValue", &counterValue)
        }
    }
}

/// What names one counter, 4 bytes. It enters the HMAC, though it is a handle (Part 3, 25.2).
public struct CounterRequest: Operands, Equatable {
    public var countID: UInt32 = 0
    public init() {}
    public init(countID: UInt32) { self.countID = countID }
    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.uint32("countID", &countID)
    }
}

/// What tells the value of one counter, 10 bytes.
public struct CounterResponse: Operands, Equatable {
    public var count = CounterValue()
    public init() {}
    public init(count: CounterValue) { self.count = count }
    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.structure("count", &count)
    }
}

/// TPM_IncrementCounter (Part 3, 25.2).
public enum IncrementCounter: Command {
    public static let ordinal = Ordinal.incrementCounter
    public typealias Request = CounterRequest
    public typealias Response = CounterResponse
}

/// TPM_ReadCounter (Part 3, 25.3).
public enum ReadCounter: Command {
    public static let ordinal = Ordinal.readCounter
    public typealias Request = CounterRequest
    public typealias Response = CounterResponse
}

/// TPM_ReleaseCounter (Part 3, 25.4).
public enum ReleaseCounter: Command {
    public static let ordinal = Ordinal.releaseCounter
    public typealias Request = CounterRequest
    public typealias Response = NoOperands
}

/// TPM_ReleaseCounterOwner (Part 3, 25.5).
public enum ReleaseCounterOwner: Command {
    public static let ordinal = Ordinal.releaseCounterOwner
    public typealias Request = CounterRequest
    public typealias Response = NoOperands
}
