import TPMCrypto

/// TPM_DELEGATE_SENSITIVE, 22 bytes: what a delegation blob keeps encrypted (Part 2, 20.11).
///
/// Another tag is TPM_INVALID_STRUCTURE.
public struct DelegateSensitive: WireStructure, Equatable {
    public var authValue = Secret(count: Digest.byteCount)

    public init() {}

    public init(authValue: Secret) { self.authValue = authValue }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.delegateSensitive)
        try coder.authData("authValue", &authValue)
    }
}

/// TPM_DELEGATE_OWNER_BLOB, 81 + n bytes with a 3-byte selection: a delegation of the owner's authorization, kept
/// outside the TPM (Part 2, 20.12).
///
/// Another tag is TPM_INVALID_STRUCTURE; the public part throws what ``DelegatePublic`` throws.
public struct DelegateOwnerBlob: WireStructure, Equatable {
    public var pub = DelegatePublic()
    /// An HMAC of the whole structure.
    public var integrityDigest = Digest.zero
    /// What the TPM adds, such as an initialisation vector.
    public var additionalArea: [UInt8] = []
    /// A ``DelegateSensitive``: encrypted, or in the clear while there is no owner, hence a secret.
    public var sensitiveArea = Secret([])

    public init() {}

    public init(pub: DelegatePublic, integrityDigest: Digest, additionalArea: [UInt8], sensitiveArea: Secret) {
        self.pub = pub
        self.integrityDigest = integrityDigest
        self.additionalArea = additionalArea
        self.sensitiveArea = sensitiveArea
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.delegateOwnerBlob)
        try coder.structure("pub", &pub)
        try coder.digest("integrityDigest", &integrityDigest)
        try coder.sized("additionalArea", .u32("additionalSize"), &additionalArea)
        try coder.sizedSecret("sensitiveArea", .u32("sensitiveSize"), &sensitiveArea)
    }
}

/// TPM_DELEGATE_KEY_BLOB, 101 + n bytes with a 3-byte selection: a delegation of a key's authorization (Part 2, 20.13).
///
/// Another tag is TPM_INVALID_STRUCTURE; the public part throws what ``DelegatePublic`` throws.
public struct DelegateKeyBlob: WireStructure, Equatable {
    public var pub = DelegatePublic()
    /// An HMAC of the whole structure.
    public var integrityDigest = Digest.zero
    /// Of the key's TPM_STORE_PUBKEY.
    public var pubKeyDigest = Digest.zero
    /// What the TPM adds, such as an initialisation vector.
    public var additionalArea: [UInt8] = []
    /// A ``DelegateSensitive``, encrypted.
    public var sensitiveArea: [UInt8] = []

    public init() {}

    public init(
        pub: DelegatePublic, integrityDigest: Digest, pubKeyDigest: Digest, additionalArea: [UInt8],
        sensitiveArea: [UInt8]
    ) {
        self.pub = pub
        self.integrityDigest = integrityDigest
        self.pubKeyDigest = pubKeyDigest
        self.additionalArea = additionalArea
        self.sensitiveArea = sensitiveArea
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.delgKeyBlob)
        try coder.structure("pub", &pub)
        try coder.digest("integrityDigest", &integrityDigest)
        try coder.digest("pubKeyDigest", &pubKeyDigest)
        try coder.sized("additionalArea", .u32("additionalSize"), &additionalArea)
        try coder.sized("sensitiveArea", .u32("sensitiveSize"), &sensitiveArea)
    }
}
