import TPMCrypto

/// TPM_GetTicks (Part 3, 23.1).
public enum GetTicks: Command {
    public static let ordinal = Ordinal.getTicks
    public typealias Request = NoOperands

    public struct Response: Operands, Equatable {
        public var currentTime = CurrentTicks()
        public init() {}
        public init(currentTime: CurrentTicks) { self.currentTime = currentTime }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.structure("currentTime", &currentTime)
        }
    }
}

/// TPM_TickStampBlob (Part 3, 23.2).
public enum TickStampBlob: Command {
    public static let ordinal = Ordinal.tickStampBlob

    public struct Request: Operands, Equatable {
        public var keyHandle = KeyHandle()
        public var antiReplay = Digest()
        public var digestToStamp = Digest()
        public init() {}
        public init(keyHandle: KeyHandle, antiReplay: Digest, digestToStamp: Digest) {
            self.keyHandle = keyHandle
            self.antiReplay = antiReplay
            self.digestToStamp = digestToStamp
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("keyHandle", &keyHandle)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.digest("antiReplay", &antiReplay)
            try coder.digest("digestToStamp", &digestToStamp)
        }
    }

    public struct Response: Operands, Equatable {
        public var currentTicks = CurrentTicks()
        public var sig: [UInt8] = []
        public init() {}
        public init(currentTicks: CurrentTicks, sig: [UInt8]) {
            self.currentTicks = currentTicks
            self.sig = sig
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.structure("currentTicks", &currentTicks)
            try coder.sized("sig", .u32("sigSize"), &sig)
        }
    }
}
