import TPMCrypto

/// TPM_IDENTITY_REQ, 8 + n bytes and two TPM_KEY_PARMS: what asks a privacy CA for a credential (Part 2, 12.6).
///
/// The parameters throw what ``KeyParms`` throws.
public struct IdentityReq: WireStructure, Equatable {
    public var asymAlgorithm = KeyParms()
    public var symAlgorithm = KeyParms()
    /// A TPM_SYMMETRIC_KEY under the privacy CA's key.
    public var asymBlob: [UInt8] = []
    /// An ``IdentityProof`` under that symmetric key.
    public var symBlob: [UInt8] = []

    public init() {}

    public init(asymAlgorithm: KeyParms, symAlgorithm: KeyParms, asymBlob: [UInt8], symBlob: [UInt8]) {
        self.asymAlgorithm = asymAlgorithm
        self.symAlgorithm = symAlgorithm
        self.asymBlob = asymBlob
        self.symBlob = symBlob
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        let asymSize = try coder.size("asymSize", of: asymBlob)
        let symSize = try coder.size("symSize", of: symBlob)
        try coder.structure("asymAlgorithm", &asymAlgorithm)
        try coder.structure("symAlgorithm", &symAlgorithm)
        try coder.fixed("asymBlob", &asymBlob, count: asymSize)
        try coder.fixed("symBlob", &symBlob, count: symSize)
    }
}

/// TPM_IDENTITY_PROOF, 24 + n bytes and a TPM_PUBKEY: what a privacy CA judges (Part 2, 12.7).
///
/// A version other than 1.1 is TPM_BAD_VERSION; the key throws what ``Pubkey`` throws.
public struct IdentityProof: WireStructure, Equatable {
    public var identityKey = Pubkey()
    public var labelArea: [UInt8] = []
    /// The signature of ``IdentityContents``.
    public var identityBinding: [UInt8] = []
    public var endorsementCredential: [UInt8] = []
    public var platformCredential: [UInt8] = []
    public var conformanceCredential: [UInt8] = []

    public init() {}

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        var ver = StructVer()
        try coder.structure("ver", &ver)
        let label = try coder.size("labelSize", of: labelArea)
        let binding = try coder.size("identityBindingSize", of: identityBinding)
        let endorsement = try coder.size("endorsementSize", of: endorsementCredential)
        let platform = try coder.size("platformSize", of: platformCredential)
        let conformance = try coder.size("conformanceSize", of: conformanceCredential)
        try coder.structure("identityKey", &identityKey)
        try coder.fixed("labelArea", &labelArea, count: label)
        try coder.fixed("identityBinding", &identityBinding, count: binding)
        try coder.fixed("endorsementCredential", &endorsementCredential, count: endorsement)
        try coder.fixed("platformCredential", &platformCredential, count: platform)
        try coder.fixed("conformanceCredential", &conformanceCredential, count: conformance)
    }
}

/// TPM_SYM_CA_ATTESTATION, 4 + n bytes and a TPM_KEY_PARMS: a privacy CA's answer (Part 2, 12.9).
///
/// The parameters throw what ``KeyParms`` throws.
public struct SymCAAttestation: WireStructure, Equatable {
    public var algorithm = KeyParms()
    /// The identity's credential, encrypted.
    public var credential: [UInt8] = []

    public init() {}

    public init(algorithm: KeyParms, credential: [UInt8]) {
        self.algorithm = algorithm
        self.credential = credential
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        let size = try coder.size("credSize", of: credential)
        try coder.structure("algorithm", &algorithm)
        try coder.fixed("credential", &credential, count: size)
    }
}

extension FieldCoder {
    /// The size of bytes that other fields part from it, 4 bytes. More bytes than it can tell are TPM_SIZE on output.
    fileprivate mutating func size(_ name: StaticString, of bytes: [UInt8]) throws(TPMResult) -> Int {
        guard var count = UInt32(exactly: bytes.count) else { throw .size }
        try uint32(name, &count)
        return Int(count)
    }
}
