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
