import TPMCrypto

/// TPM_MakeIdentity (Part 3, 15.1).
public enum MakeIdentity: Command {
    public static let ordinal = Ordinal.makeIdentity

    /// 40 bytes and the key; throws what ``Key`` throws.
    public struct Request: Operands, Equatable {
        /// 20 bytes, encrypted.
        public var identityAuth = Secret(count: Digest.byteCount)
        /// A TPM_CHOSENID_HASH: ``IdentityContents/chosenIDHash(identityLabel:privacyCA:)``.
        public var labelPrivCADigest = Digest.zero
        public var idKeyParams = Key()
        public init() {}
        public init(identityAuth: Secret, labelPrivCADigest: Digest, idKeyParams: Key) {
            self.identityAuth = identityAuth
            self.labelPrivCADigest = labelPrivCADigest
            self.idKeyParams = idKeyParams
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.authData("identityAuth", &identityAuth)
            try coder.digest("labelPrivCADigest", &labelPrivCADigest)
            try coder.structure("idKeyParams", &idKeyParams)
        }
    }

    /// The key and 4 + n bytes.
    public struct Response: Operands, Equatable {
        public var idKey = Key()
        /// The new key's signature of ``IdentityContents``.
        public var identityBinding: [UInt8] = []
        public init() {}
        public init(idKey: Key, identityBinding: [UInt8]) {
            self.idKey = idKey
            self.identityBinding = identityBinding
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.structure("idKey", &idKey)
            try coder.sized("identityBinding", .u32("identityBindingSize"), &identityBinding)
        }
    }
}

/// TPM_ActivateIdentity (Part 3, 15.2).
public enum ActivateIdentity: Command {
    public static let ordinal = Ordinal.activateIdentity

    /// A handle and 4 + n bytes.
    public struct Request: Operands, Equatable {
        public var idKeyHandle = KeyHandle()
        /// An ``AsymCAContents`` or an ``EKBlob``, encrypted with the endorsement key.
        public var blob: [UInt8] = []
        public init() {}
        public init(idKeyHandle: KeyHandle, blob: [UInt8]) {
            self.idKeyHandle = idKeyHandle
            self.blob = blob
        }
        public mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.value("idKeyHandle", &idKeyHandle)
        }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.sized("blob", .u32("blobSize"), &blob)
        }
    }

    /// 8 + n bytes.
    public struct Response: Operands, Equatable {
        public var symmetricKey = SymmetricKey()
        public init() {}
        public init(symmetricKey: SymmetricKey) { self.symmetricKey = symmetricKey }
        public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.structure("symmetricKey", &symmetricKey)
        }
    }
}
