import TPMCrypto

/// TPM_AUDIT_EVENT_IN, 32 bytes (Part 2, 14.1).
public struct AuditEventIn: WireStructure, Equatable {
    public var inputParms = Digest()
    public var auditCount = CounterValue()

    public init() {}

    public init(inputParms: Digest, auditCount: CounterValue) {
        self.inputParms = inputParms
        self.auditCount = auditCount
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.auditEventIn)
        try coder.digest("inputParms", &inputParms)
        try coder.structure("auditCount", &auditCount)
    }
}

/// TPM_AUDIT_EVENT_OUT, 32 bytes (Part 2, 14.2).
public struct AuditEventOut: WireStructure, Equatable {
    public var outputParms = Digest()
    public var auditCount = CounterValue()

    public init() {}

    public init(outputParms: Digest, auditCount: CounterValue) {
        self.outputParms = outputParms
        self.auditCount = auditCount
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.auditEventOut)
        try coder.digest("outputParms", &outputParms)
        try coder.structure("auditCount", &auditCount)
    }
}

/// TPM_CURRENT_TICKS, 32 bytes (Part 2, 15.1).
public struct CurrentTicks: WireStructure, Equatable {
    /// Ticks since the tick session began.
    public var currentTicks: UInt64 = 0
    /// Microseconds a tick.
    public var tickRate: UInt16 = 0
    public var tickNonce = Digest()

    public init() {}

    public init(currentTicks: UInt64, tickRate: UInt16, tickNonce: Digest) {
        self.currentTicks = currentTicks
        self.tickRate = tickRate
        self.tickNonce = tickNonce
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.currentTicks)
        try coder.uint64("currentTicks", &currentTicks)
        try coder.uint16("tickRate", &tickRate)
        try coder.digest("tickNonce", &tickNonce)
    }
}
