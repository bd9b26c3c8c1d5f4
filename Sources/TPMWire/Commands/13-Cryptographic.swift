import TPMCrypto

/// TPM_SHA1Start (Part 3, 13.1).
public enum SHA1Start: Command {
    public static let ordinal = Ordinal.sha1Start
    public typealias Request = NoOperands

    public struct Response: Operands, Equatable {
        /// The most that one TPM_SHA1Update takes, in bytes; a multiple of 64.
        public var maxNumBytes: UInt32 = 0
        public init() {}
        public init(maxNumBytes: UInt32) { self.maxNumBytes = maxNumBytes }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.uint32("maxNumBytes", &maxNumBytes)
        }
    }
}

/// TPM_SHA1Update (Part 3, 13.2).
public enum SHA1Update: Command {
    public static let ordinal = Ordinal.sha1Update
    public typealias Response = NoOperands

    public struct Request: Operands, Equatable {
        public var hashData: [UInt8] = []
        public init() {}
        public init(hashData: [UInt8]) { self.hashData = hashData }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.sized("hashData", .u32("numBytes"), &hashData)
        }
    }
}

/// TPM_SHA1Complete (Part 3, 13.3).
public enum SHA1Complete: Command {
    public static let ordinal = Ordinal.sha1Complete

    public struct Request: Operands, Equatable {
        /// At most 64 bytes.
        public var hashData: [UInt8] = []
        public init() {}
        public init(hashData: [UInt8]) { self.hashData = hashData }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.sized("hashData", .u32("hashDataSize"), &hashData)
        }
    }

    public struct Response: Operands, Equatable {
        public var hashValue = Digest()
        public init() {}
        public init(hashValue: Digest) { self.hashValue = hashValue }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.digest("hashValue", &hashValue)
        }
    }
}

/// TPM_SHA1CompleteExtend (Part 3, 13.4).
public enum SHA1CompleteExtend: Command {
    public static let ordinal = Ordinal.sha1CompleteExtend

    public struct Request: Operands, Equatable {
        public var pcrNum: UInt32 = 0
        /// At most 64 bytes.
        public var hashData: [UInt8] = []
        public init() {}
        public init(pcrNum: UInt32, hashData: [UInt8]) {
            self.pcrNum = pcrNum
            self.hashData = hashData
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.uint32("pcrNum", &pcrNum)
            try coder.sized("hashData", .u32("hashDataSize"), &hashData)
        }
    }

    public struct Response: Operands, Equatable {
        public var hashValue = Digest()
        public var outDigest = Digest()
        public init() {}
        public init(hashValue: Digest, outDigest: Digest) {
            self.hashValue = hashValue
            self.outDigest = outDigest
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.digest("hashValue", &hashValue)
            try coder.digest("outDigest", &outDigest)
        }
    }
}

/// TPM_GetRandom (Part 3, 13.6).
public enum GetRandom: Command {
    public static let ordinal = Ordinal.getRandom

    public struct Request: Operands, Equatable {
        public var bytesRequested: UInt32 = 0
        public init() {}
        public init(bytesRequested: UInt32) { self.bytesRequested = bytesRequested }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.uint32("bytesRequested", &bytesRequested)
        }
    }

    public struct Response: Operands, Equatable {
        /// A secret, since callers make keys of it.
        public var randomBytes = Secret([])
        public init() {}
        public init(randomBytes: Secret) { self.randomBytes = randomBytes }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.sizedSecret("randomBytes", .u32("randomBytesSize"), &randomBytes)
        }
    }
}

/// TPM_StirRandom (Part 3, 13.7).
public enum StirRandom: Command {
    public static let ordinal = Ordinal.stirRandom
    public typealias Response = NoOperands

    public struct Request: Operands, Equatable {
        /// At most 255 bytes.
        public var inData: [UInt8] = []
        public init() {}
        public init(inData: [UInt8]) { self.inData = inData }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.sized("inData", .u32("dataSize"), &inData)
        }
    }
}

/// TPM_Sign (Part 3, 13.5).
public enum Sign: Command {
    public static let ordinal = Ordinal.sign

    public struct Request: Operands, Equatable {
        public var keyHandle = KeyHandle()
        /// A digest of 20 bytes, a DER structure or any data, as the key's scheme has it.
        public var areaToSign: [UInt8] = []
        public init() {}
        public init(keyHandle: KeyHandle, areaToSign: [UInt8]) {
            self.keyHandle = keyHandle
            self.areaToSign = areaToSign
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("keyHandle", &keyHandle)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.sized("areaToSign", .u32("areaToSignSize"), &areaToSign)
        }
    }

    public struct Response: Operands, Equatable {
        public var sig: [UInt8] = []
        public init() {}
        public init(sig: [UInt8]) {
            self.sig = sig
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.sized("sig", .u32("sigSize"), &sig)
        }
    }
}

/// TPM_CertifyKey (Part 3, 13.8).
public enum CertifyKey: Command {
    public static let ordinal = Ordinal.certifyKey

    public struct Request: Operands, Equatable {
        /// The key that signs.
        public var certHandle = KeyHandle()
        /// The key that is certified.
        public var keyHandle = KeyHandle()
        public var antiReplay = Digest()
        public init() {}
        public init(certHandle: KeyHandle, keyHandle: KeyHandle, antiReplay: Digest) {
            self.certHandle = certHandle
            self.keyHandle = keyHandle
            self.antiReplay = antiReplay
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("certHandle", &certHandle)
            try coder.value("keyHandle", &keyHandle)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.digest("antiReplay", &antiReplay)
        }
    }

    public struct Response: Operands, Equatable {
        public var certifyInfo = CertifiedInfo()
        /// The signature over certifyInfo.
        public var outData: [UInt8] = []
        public init() {}
        public init(certifyInfo: CertifiedInfo, outData: [UInt8]) {
            self.certifyInfo = certifyInfo
            self.outData = outData
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.structure("certifyInfo", &certifyInfo)
            try coder.sized("outData", .u32("outDataSize"), &outData)
        }
    }
}

/// TPM_CertifyKey2 (Part 3, 13.9).
public enum CertifyKey2: Command {
    public static let ordinal = Ordinal.certifyKey2

    public struct Request: Operands, Equatable {
        /// The key that is certified.
        public var keyHandle = KeyHandle()
        /// The key that signs.
        public var certHandle = KeyHandle()
        /// Of the TPM_MSA_COMPOSITE of a certified migration key.
        public var migrationPubDigest = Digest()
        public var antiReplay = Digest()
        public init() {}
        public init(keyHandle: KeyHandle, certHandle: KeyHandle, migrationPubDigest: Digest, antiReplay: Digest) {
            self.keyHandle = keyHandle
            self.certHandle = certHandle
            self.migrationPubDigest = migrationPubDigest
            self.antiReplay = antiReplay
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("keyHandle", &keyHandle)
            try coder.value("certHandle", &certHandle)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.digest("migrationPubDigest", &migrationPubDigest)
            try coder.digest("antiReplay", &antiReplay)
        }
    }

    public struct Response: Operands, Equatable {
        public var certifyInfo = CertifyInfo2()
        /// The signature over certifyInfo.
        public var outData: [UInt8] = []
        public init() {}
        public init(certifyInfo: CertifyInfo2, outData: [UInt8]) {
            self.certifyInfo = certifyInfo
            self.outData = outData
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.structure("certifyInfo", &certifyInfo)
            try coder.sized("outData", .u32("outDataSize"), &outData)
        }
    }
}
