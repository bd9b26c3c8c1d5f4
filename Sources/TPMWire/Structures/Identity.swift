import TPMCrypto

/// TPM_EK_BLOB, 8 + n bytes: what TPM_ActivateIdentity finds under the endorsement key (Part 2, 12.1).
///
/// Another tag is TPM_INVALID_STRUCTURE, an unknown type TPM_BAD_TYPE.
public struct EKBlob: WireStructure, Equatable {
    public var ekType = EKType.activate
    /// An ``EKBlobActivate`` or ``EKBlobAuth``, both of which hold a secret.
    public var blob = Secret([])

    public init() {}

    public init(ekType: EKType, blob: Secret) {
        self.ekType = ekType
        self.blob = blob
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.ekBlob)
        try coder.value("ekType", &ekType, else: .badType)
        try coder.sizedSecret("blob", .u32("blobSize"), &blob)
    }
}

/// TPM_EK_BLOB_ACTIVATE, 56 + n bytes with a 3-byte selection: the key to an identity's credential (Part 2, 12.2).
///
/// Another tag is TPM_INVALID_STRUCTURE; the PCR info throws what ``PCRInfoShort`` throws.
public struct EKBlobActivate: WireStructure, Equatable {
    public var sessionKey = SymmetricKey()
    /// Of the identity's TPM_PUBKEY.
    public var idDigest = Digest.zero
    public var pcrInfo = PCRInfoShort()

    public init() {}

    public init(sessionKey: SymmetricKey, idDigest: Digest, pcrInfo: PCRInfoShort) {
        self.sessionKey = sessionKey
        self.idDigest = idDigest
        self.pcrInfo = pcrInfo
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.ekBlobActivate)
        try coder.structure("sessionKey", &sessionKey)
        try coder.digest("idDigest", &idDigest)
        try coder.structure("pcrInfo", &pcrInfo)
    }
}

/// TPM_EK_BLOB_AUTH, 22 bytes (Part 2, 12.3). Another tag is TPM_INVALID_STRUCTURE.
public struct EKBlobAuth: WireStructure, Equatable {
    public var authValue = Secret(count: Digest.byteCount)

    public init() {}

    public init(authValue: Secret) { self.authValue = authValue }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.ekBlobAuth)
        try coder.authData("authValue", &authValue)
    }
}

/// TPM_ASYM_CA_CONTENTS, 28 + n bytes: the form of 1.1 of a TPM_EK_BLOB_ACTIVATE (Part 2, 12.8).
///
/// Every value decodes.
public struct AsymCAContents: WireStructure, Equatable {
    public var sessionKey = SymmetricKey()
    /// Of the identity's TPM_PUBKEY.
    public var idDigest = Digest.zero

    public init() {}

    public init(sessionKey: SymmetricKey, idDigest: Digest) {
        self.sessionKey = sessionKey
        self.idDigest = idDigest
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.structure("sessionKey", &sessionKey)
        try coder.digest("idDigest", &idDigest)
    }
}

/// TPM_IDENTITY_CONTENTS, 28 bytes and a TPM_PUBKEY: what TPM_MakeIdentity signs (Part 2, 12.5).
///
/// A version other than 1.1 is TPM_BAD_VERSION, another ordinal TPM_INVALID_STRUCTURE; the key throws what
/// ``Pubkey`` throws.
public struct IdentityContents: WireStructure, Equatable {
    /// A TPM_CHOSENID_HASH.
    public var labelPrivCADigest = Digest.zero
    public var identityPubKey = Pubkey()

    public init() {}

    public init(labelPrivCADigest: Digest, identityPubKey: Pubkey) {
        self.labelPrivCADigest = labelPrivCADigest
        self.identityPubKey = identityPubKey
    }

    /// TPM_CHOSENID_HASH, 20 bytes: what ties an identity to its label and its privacy CA (Part 2, 12.4).
    public static func chosenIDHash(identityLabel: [UInt8], privacyCA: Pubkey) throws(TPMResult) -> Digest {
        SHA1.hash(identityLabel + (try privacyCA.encoded()))
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        var ver = StructVer()
        try coder.structure("ver", &ver)
        var ordinal = Ordinal.makeIdentity.rawValue
        try coder.uint32("ordinal", &ordinal)
        if coder.isDecoding, ordinal != Ordinal.makeIdentity.rawValue { throw .invalidStructure }
        try coder.digest("labelPrivCADigest", &labelPrivCADigest)
        try coder.structure("identityPubKey", &identityPubKey)
    }
}
