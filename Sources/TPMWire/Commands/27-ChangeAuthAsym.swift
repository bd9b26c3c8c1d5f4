import TPMCrypto

/// TPM_ChangeAuthAsymStart (Part 3, 27.4.1).
public enum ChangeAuthAsymStart: Command {
    public static let ordinal = Ordinal.changeAuthAsymStart

    /// A handle, 20 bytes and the parameters; throws what ``KeyParms`` throws.
    public struct Request: Operands, Equatable {
        /// Of an identity key.
        public var idHandle = KeyHandle()
        public var antiReplay = Digest()
        /// What the ephemeral key is to be.
        public var tempKey = KeyParms()
        public init() {}
        public init(idHandle: KeyHandle, antiReplay: Digest, tempKey: KeyParms) {
            self.idHandle = idHandle
            self.antiReplay = antiReplay
            self.tempKey = tempKey
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("idHandle", &idHandle)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.digest("antiReplay", &antiReplay)
            try coder.structure("tempKey", &tempKey)
        }
    }

    /// The handle of the ephemeral key enters the HMAC.
    public struct Response: Operands, Equatable {
        public var certifyInfo = CertifyInfo()
        /// Of the identity key over ``certifyInfo``.
        public var sig: [UInt8] = []
        public var ephHandle = KeyHandle()
        /// The ephemeral key; its encData is empty.
        public var tempKey = Key()
        public init() {}
        public init(certifyInfo: CertifyInfo, sig: [UInt8], ephHandle: KeyHandle, tempKey: Key) {
            self.certifyInfo = certifyInfo
            self.sig = sig
            self.ephHandle = ephHandle
            self.tempKey = tempKey
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.structure("certifyInfo", &certifyInfo)
            try coder.sized("sig", .u32("sigSize"), &sig)
            try coder.value("ephHandle", &ephHandle)
            try coder.structure("tempKey", &tempKey)
        }
    }
}

/// TPM_ChangeAuthAsymFinish (Part 3, 27.4.2).
public enum ChangeAuthAsymFinish: Command {
    public static let ordinal = Ordinal.changeAuthAsymFinish

    /// Two handles and 30 + n bytes. Every entity type decodes.
    public struct Request: Operands, Equatable {
        public var parentHandle = KeyHandle()
        public var ephHandle = KeyHandle()
        public var entityType = EntityType(rawValue: 0)
        /// An HMAC with the old secret over the new one.
        public var newAuthLink = Digest()
        /// A ``ChangeAuthValidate``, encrypted for the ephemeral key.
        public var encNewAuth: [UInt8] = []
        /// The encData of a TPM_STORED_DATA or a TPM_KEY.
        public var encData: [UInt8] = []
        public init() {}
        public init(
            parentHandle: KeyHandle, ephHandle: KeyHandle, entityType: EntityType, newAuthLink: Digest,
            encNewAuth: [UInt8], encData: [UInt8]
        ) {
            self.parentHandle = parentHandle
            self.ephHandle = ephHandle
            self.entityType = entityType
            self.newAuthLink = newAuthLink
            self.encNewAuth = encNewAuth
            self.encData = encData
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("parentHandle", &parentHandle)
            try coder.value("ephHandle", &ephHandle)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("entityType", &entityType)
            try coder.digest("newAuthLink", &newAuthLink)
            try coder.sized("encNewAuth", .u32("newAuthSize"), &encNewAuth)
            try coder.sized("encData", .u32("encDataSize"), &encData)
        }
    }

    /// 44 + n bytes.
    public struct Response: Operands, Equatable {
        public var outData: [UInt8] = []
        public var saltNonce = Digest()
        /// An HMAC with the new secret over the salt and the caller's nonce.
        public var changeProof = Digest()
        public init() {}
        public init(outData: [UInt8], saltNonce: Digest, changeProof: Digest) {
            self.outData = outData
            self.saltNonce = saltNonce
            self.changeProof = changeProof
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.sized("outData", .u32("outDataSize"), &outData)
            try coder.digest("saltNonce", &saltNonce)
            try coder.digest("changeProof", &changeProof)
        }
    }
}
