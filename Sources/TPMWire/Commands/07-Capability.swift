/// TPM_GetCapability (Part 3, 7.1).
public enum GetCapability: Command {
    public static let ordinal = Ordinal.getCapability

    /// 8 + n bytes. Every area decodes: what the TPM does not know is for the engine to answer.
    public struct Request: Operands, Equatable {
        /// A TPM_CAPABILITY_AREA.
        public var capArea: UInt32 = 0
        public var subCap: [UInt8] = []
        public init() {}
        public init(capArea: UInt32, subCap: [UInt8] = []) {
            self.capArea = capArea
            self.subCap = subCap
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.uint32("capArea", &capArea)
            coder.meaning(CapabilityArea(rawValue: capArea).flatMap(WireName.of))
            try coder.sized("subCap", .u32("subCapSize"), &subCap)
        }
    }

    /// 4 + n bytes.
    public struct Response: Operands, Equatable {
        public var resp: [UInt8] = []
        public init() {}
        public init(resp: [UInt8]) { self.resp = resp }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.sized("resp", .u32("respSize"), &resp)
        }
    }
}

/// TPM_SetCapability (Part 3, 7.2).
public enum SetCapability: Command {
    public static let ordinal = Ordinal.setCapability
    public typealias Response = NoOperands

    /// 12 + n bytes. Every area decodes: what the TPM cannot set is for the engine to answer.
    public struct Request: Operands, Equatable {
        /// A TPM_CAPABILITY_AREA.
        public var capArea: UInt32 = 0
        public var subCap: [UInt8] = []
        public var setValue: [UInt8] = []
        public init() {}
        public init(capArea: UInt32, subCap: [UInt8], setValue: [UInt8]) {
            self.capArea = capArea
            self.subCap = subCap
            self.setValue = setValue
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.uint32("capArea", &capArea)
            coder.meaning(SetCapabilityArea(rawValue: capArea).flatMap(WireName.of))
            try coder.sized("subCap", .u32("subCapSize"), &subCap)
            try coder.sized("setValue", .u32("setValueSize"), &setValue)
        }
    }
}

/// TPM_GetCapabilityOwner (Part 3, 7.3).
public enum GetCapabilityOwner: Command {
    public static let ordinal = Ordinal.getCapabilityOwner
    public typealias Request = NoOperands

    /// 12 bytes.
    public struct Response: Operands, Equatable {
        public var version = Version()
        /// TPM_PERMANENT_FLAGS, the first flag in the lowest bit.
        public var nonVolatileFlags: UInt32 = 0
        /// TPM_STCLEAR_FLAGS, the first flag in the lowest bit.
        public var volatileFlags: UInt32 = 0
        public init() {}
        public init(version: Version, nonVolatileFlags: UInt32, volatileFlags: UInt32) {
            self.version = version
            self.nonVolatileFlags = nonVolatileFlags
            self.volatileFlags = volatileFlags
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.structure("version", &version)
            try coder.uint32("non_volatile_flags", &nonVolatileFlags)
            try coder.uint32("volatile_flags", &volatileFlags)
        }
    }
}
