import TPMCrypto

/// TPM_Extend (Part 3, 16.1).
public enum Extend: Command {
    public static let ordinal = Ordinal.extend

    public struct Request: Operands, Equatable {
        public var pcrNum: UInt32 = 0
        public var inDigest = Digest()
        public init() {}
        public init(pcrNum: UInt32, inDigest: Digest) {
            self.pcrNum = pcrNum
            self.inDigest = inDigest
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.uint32("pcrNum", &pcrNum)
            try coder.digest("inDigest", &inDigest)
        }
    }

    public typealias Response = PcrRead.Response
}

/// TPM_PCRRead (Part 3, 16.2).
public enum PcrRead: Command {
    public static let ordinal = Ordinal.pcrRead

    public struct Request: Operands, Equatable {
        public var pcrIndex: UInt32 = 0
        public init() {}
        public init(pcrIndex: UInt32) { self.pcrIndex = pcrIndex }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.uint32("pcrIndex", &pcrIndex)
        }
    }

    public struct Response: Operands, Equatable {
        public var outDigest = Digest()
        public init() {}
        public init(outDigest: Digest) { self.outDigest = outDigest }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.digest("outDigest", &outDigest)
        }
    }
}

/// TPM_PCR_Reset (Part 3, 16.4).
public enum PCRReset: Command {
    public static let ordinal = Ordinal.pcrReset
    public typealias Response = NoOperands

    public struct Request: Operands, Equatable {
        public var pcrSelection = PCRSelection()
        public init() {}
        public init(pcrSelection: PCRSelection) { self.pcrSelection = pcrSelection }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.structure("pcrSelection", &pcrSelection)
        }
    }
}

/// TPM_Quote (Part 3, 16.3).
public enum Quote: Command {
    public static let ordinal = Ordinal.quote

    public struct Request: Operands, Equatable {
        public var keyHandle = KeyHandle()
        public var externalData = Digest()
        public var targetPCR = PCRSelection()
        public init() {}
        public init(keyHandle: KeyHandle, externalData: Digest, targetPCR: PCRSelection) {
            self.keyHandle = keyHandle
            self.externalData = externalData
            self.targetPCR = targetPCR
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("keyHandle", &keyHandle)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.digest("externalData", &externalData)
            try coder.structure("targetPCR", &targetPCR)
        }
    }

    public struct Response: Operands, Equatable {
        public var pcrData = PCRComposite()
        public var sig: [UInt8] = []
        public init() {}
        public init(pcrData: PCRComposite, sig: [UInt8]) {
            self.pcrData = pcrData
            self.sig = sig
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.structure("pcrData", &pcrData)
            try coder.sized("sig", .u32("sigSize"), &sig)
        }
    }
}

/// TPM_Quote2 (Part 3, 16.5).
public enum Quote2: Command {
    public static let ordinal = Ordinal.quote2

    public struct Request: Operands, Equatable {
        public var keyHandle = KeyHandle()
        public var externalData = Digest()
        public var targetPCR = PCRSelection()
        public var addVersion = false
        public init() {}
        public init(keyHandle: KeyHandle, externalData: Digest, targetPCR: PCRSelection, addVersion: Bool) {
            self.keyHandle = keyHandle
            self.externalData = externalData
            self.targetPCR = targetPCR
            self.addVersion = addVersion
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("keyHandle", &keyHandle)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.digest("externalData", &externalData)
            try coder.structure("targetPCR", &targetPCR)
            try coder.bool("addVersion", &addVersion)
        }
    }

    public struct Response: Operands, Equatable {
        public var pcrData = PCRInfoShort()
        /// A TPM_CAP_VERSION_INFO when it was asked for.
        public var versionInfo: [UInt8] = []
        public var sig: [UInt8] = []
        public init() {}
        public init(pcrData: PCRInfoShort, versionInfo: [UInt8], sig: [UInt8]) {
            self.pcrData = pcrData
            self.versionInfo = versionInfo
            self.sig = sig
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.structure("pcrData", &pcrData)
            try coder.sized("versionInfo", .u32("versionInfoSize"), &versionInfo)
            try coder.sized("sig", .u32("sigSize"), &sig)
        }
    }
}
