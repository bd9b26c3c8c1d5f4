import TPMCrypto

/// TPM_Seal (Part 3, 10.1).
public enum Seal: Command {
    public static let ordinal = Ordinal.seal

    /// A handle and 28 + n bytes.
    public struct Request: Operands, Equatable {
        public var keyHandle = KeyHandle()
        /// 20 bytes, encrypted.
        public var encAuth = Secret(count: Digest.byteCount)
        /// A TPM_PCR_INFO or, told by its tag, a TPM_PCR_INFO_LONG; empty for no PCRs. Left to the engine to
        /// decode, which answers a bad one with a code of its own.
        public var pcrInfo: [UInt8] = []
        public var inData = Secret([])
        public init() {}
        public init(keyHandle: KeyHandle, encAuth: Secret, pcrInfo: [UInt8] = [], inData: Secret) {
            self.keyHandle = keyHandle
            self.encAuth = encAuth
            self.pcrInfo = pcrInfo
            self.inData = inData
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("keyHandle", &keyHandle)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.authData("encAuth", &encAuth)
            try coder.sized("pcrInfo", .u32("pcrInfoSize"), &pcrInfo)
            try coder.sizedSecret("inData", .u32("inDataSize"), &inData)
        }
    }

    public struct Response: Operands, Equatable {
        public var sealedData = SealedBlob()
        public init() {}
        public init(sealedData: SealedBlob) { self.sealedData = sealedData }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.structure("sealedData", &sealedData)
        }
    }
}

/// TPM_Unseal (Part 3, 10.2).
public enum Unseal: Command {
    public static let ordinal = Ordinal.unseal

    /// A handle and the blob; throws what ``SealedBlob`` throws.
    public struct Request: Operands, Equatable {
        public var parentHandle = KeyHandle()
        public var inData = SealedBlob()
        public init() {}
        public init(parentHandle: KeyHandle, inData: SealedBlob) {
            self.parentHandle = parentHandle
            self.inData = inData
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("parentHandle", &parentHandle)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.structure("inData", &inData)
        }
    }

    /// 4 + n bytes.
    public struct Response: Operands, Equatable {
        public var secret = Secret([])
        public init() {}
        public init(secret: Secret) { self.secret = secret }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.sizedSecret("secret", .u32("secretSize"), &secret)
        }
    }
}

/// TPM_UnBind (Part 3, 10.3).
public enum UnBind: Command {
    public static let ordinal = Ordinal.unbind

    /// A handle and 4 + n bytes.
    public struct Request: Operands, Equatable {
        public var keyHandle = KeyHandle()
        public var inData: [UInt8] = []
        public init() {}
        public init(keyHandle: KeyHandle, inData: [UInt8]) {
            self.keyHandle = keyHandle
            self.inData = inData
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("keyHandle", &keyHandle)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.sized("inData", .u32("inDataSize"), &inData)
        }
    }

    /// 4 + n bytes.
    public struct Response: Operands, Equatable {
        public var outData = Secret([])
        public init() {}
        public init(outData: Secret) { self.outData = outData }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.sizedSecret("outData", .u32("outDataSize"), &outData)
        }
    }
}

/// TPM_CreateWrapKey (Part 3, 10.4).
public enum CreateWrapKey: Command {
    public static let ordinal = Ordinal.createWrapKey

    /// A handle, 40 bytes and the key; throws what ``Key`` throws.
    public struct Request: Operands, Equatable {
        public var parentHandle = KeyHandle()
        /// 20 bytes, encrypted.
        public var dataUsageAuth = Secret(count: Digest.byteCount)
        /// 20 bytes, encrypted.
        public var dataMigrationAuth = Secret(count: Digest.byteCount)
        public var keyInfo = Key()
        public init() {}
        public init(parentHandle: KeyHandle, dataUsageAuth: Secret, dataMigrationAuth: Secret, keyInfo: Key) {
            self.parentHandle = parentHandle
            self.dataUsageAuth = dataUsageAuth
            self.dataMigrationAuth = dataMigrationAuth
            self.keyInfo = keyInfo
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("parentHandle", &parentHandle)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.authData("dataUsageAuth", &dataUsageAuth)
            try coder.authData("dataMigrationAuth", &dataMigrationAuth)
            try coder.structure("keyInfo", &keyInfo)
        }
    }

    public struct Response: Operands, Equatable {
        public var wrappedKey = Key()
        public init() {}
        public init(wrappedKey: Key) { self.wrappedKey = wrappedKey }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.structure("wrappedKey", &wrappedKey)
        }
    }
}

/// TPM_LoadKey2 (Part 3, 10.5).
public enum LoadKey2: Command {
    public static let ordinal = Ordinal.loadKey2

    /// A handle and the key; throws what ``Key`` throws.
    public struct Request: Operands, Equatable {
        public var parentHandle = KeyHandle()
        public var inKey = Key()
        public init() {}
        public init(parentHandle: KeyHandle, inKey: Key) {
            self.parentHandle = parentHandle
            self.inKey = inKey
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("parentHandle", &parentHandle)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.structure("inKey", &inKey)
        }
    }

    /// A handle, which stays out of the HMAC so that software may map it to another.
    public struct Response: Operands, Equatable {
        public var inkeyHandle = KeyHandle()
        public init() {}
        public init(inkeyHandle: KeyHandle) { self.inkeyHandle = inkeyHandle }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("inkeyHandle", &inkeyHandle)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {}
    }
}

/// TPM_GetPubKey (Part 3, 10.6).
public enum GetPubKey: Command {
    public static let ordinal = Ordinal.getPubKey

    /// A handle and nothing else.
    public struct Request: Operands, Equatable {
        public var keyHandle = KeyHandle()
        public init() {}
        public init(keyHandle: KeyHandle) { self.keyHandle = keyHandle }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("keyHandle", &keyHandle)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {}
    }

    public struct Response: Operands, Equatable {
        public var pubKey = Pubkey()
        public init() {}
        public init(pubKey: Pubkey) { self.pubKey = pubKey }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.structure("pubKey", &pubKey)
        }
    }
}

/// TPM_Sealx (Part 3, 10.7): the operands of TPM_Seal, inData encrypted.
public enum Sealx: Command {
    public static let ordinal = Ordinal.sealx
    public typealias Request = Seal.Request
    public typealias Response = Seal.Response
}
