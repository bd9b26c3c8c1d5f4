import TPMCrypto

/// TPM_GetAuditDigest (Part 3, 8.3). It enters no HMAC and is never audited.
public enum GetAuditDigest: Command {
    public static let ordinal = Ordinal.getAuditDigest

    public struct Request: Operands, Equatable {
        /// The first ordinal that the list may hold.
        public var startOrdinal: UInt32 = 0
        public init() {}
        public init(startOrdinal: UInt32) { self.startOrdinal = startOrdinal }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.uint32("startOrdinal", &startOrdinal)
        }
    }

    public struct Response: Operands, Equatable {
        public var counterValue = CounterValue()
        public var auditDigest = Digest()
        /// True when the list goes on.
        public var more = false
        /// Audited ordinals in ascending order, 4 bytes each.
        public var ordList: [UInt8] = []
        public init() {}
        public init(counterValue: CounterValue, auditDigest: Digest, more: Bool, ordList: [UInt8]) {
            self.counterValue = counterValue
            self.auditDigest = auditDigest
            self.more = more
            self.ordList = ordList
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.structure("counterValue", &counterValue)
            try coder.digest("auditDigest", &auditDigest)
            try coder.bool("more", &more)
            try coder.sized("ordList", .u32("ordSize"), &ordList)
        }
    }
}

/// TPM_GetAuditDigestSigned (Part 3, 8.4).
public enum GetAuditDigestSigned: Command {
    public static let ordinal = Ordinal.getAuditDigestSigned

    public struct Request: Operands, Equatable {
        public var keyHandle = KeyHandle()
        /// True to end the audit session, which only an identity key may.
        public var closeAudit = false
        public var antiReplay = Digest()
        public init() {}
        public init(keyHandle: KeyHandle, closeAudit: Bool, antiReplay: Digest) {
            self.keyHandle = keyHandle
            self.closeAudit = closeAudit
            self.antiReplay = antiReplay
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("keyHandle", &keyHandle)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.bool("closeAudit", &closeAudit)
            try coder.digest("antiReplay", &antiReplay)
        }
    }

    public struct Response: Operands, Equatable {
        public var counterValue = CounterValue()
        public var auditDigest = Digest()
        /// SHA-1 of the list of all audited ordinals.
        public var ordinalDigest = Digest()
        public var sig: [UInt8] = []
        public init() {}
        public init(counterValue: CounterValue, auditDigest: Digest, ordinalDigest: Digest, sig: [UInt8]) {
            self.counterValue = counterValue
            self.auditDigest = auditDigest
            self.ordinalDigest = ordinalDigest
            self.sig = sig
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.structure("counterValue", &counterValue)
            try coder.digest("auditDigest", &auditDigest)
            try coder.digest("ordinalDigest", &ordinalDigest)
            try coder.sized("sig", .u32("sigSize"), &sig)
        }
    }
}

/// TPM_SetOrdinalAuditStatus (Part 3, 8.5).
public enum SetOrdinalAuditStatus: Command {
    public static let ordinal = Ordinal.setOrdinalAuditStatus
    public typealias Response = NoOperands

    public struct Request: Operands, Equatable {
        public var ordinalToAudit: UInt32 = 0
        public var auditState = false
        public init() {}
        public init(ordinalToAudit: UInt32, auditState: Bool) {
            self.ordinalToAudit = ordinalToAudit
            self.auditState = auditState
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.uint32("ordinalToAudit", &ordinalToAudit)
            coder.meaning(Ordinal(rawValue: ordinalToAudit).wireName)
            try coder.bool("auditState", &auditState)
        }
    }
}
