import TPMCrypto

/// TPM_KEY and TPM_KEY12, 23 bytes, the parameters, the PCR info, the public key and the encrypted part
/// (Part 2, 10.2 and 10.3).
///
/// The first two bytes choose the form: TPM_TAG_KEY12, or a TPM_STRUCT_VER of 1.1 whose revisions are ignored;
/// anything else is TPM_BAD_VERSION. A fill that is not 0, an unknown usage and an undefined flag are
/// TPM_BAD_KEY_PROPERTY, as of a key that the TPM is not made for (Part 3, 10.4 action 3); an undefined authorisation
/// usage is TPM_BAD_PARAMETER. The parameters throw what ``KeyParms`` throws, the PCR info what ``PCRInfo`` and
/// ``PCRInfoLong`` throw; each form takes only its own.
public struct Key: WireStructure, Equatable {
    /// Which of the two structures this is.
    public enum Form: Sendable, Equatable {
        case key11
        case key12
    }

    /// The PCRs that the key is bound to.
    public enum PCR: Sendable, Equatable {
        case none
        case info(PCRInfo)
        case long(PCRInfoLong)

        /// What the release of the key demands (Part 2, 8.10); nil when the key is not bound.
        public var short: PCRInfoShort? {
            switch self {
            case .none: nil
            case .info(let info): PCRInfoShort(info)
            case .long(let long): PCRInfoShort(long)
            }
        }
    }

    public var form = Form.key12
    /// revMajor and revMinor of a TPM_KEY's version. They mean nothing, but the digest of the public part covers them
    /// (Part 2, 5.1).
    public var rev: UInt16 = 0
    public var keyUsage = KeyUsage.signing
    public var keyFlags = KeyFlags()
    public var authDataUsage = AuthDataUsage.never
    public var algorithmParms = KeyParms()
    public var pcrInfo = PCR.none
    public var pubKey = StorePubkey()
    public var encData: [UInt8] = []

    public init() {}

    public init(
        form: Form, keyUsage: KeyUsage, keyFlags: KeyFlags, authDataUsage: AuthDataUsage,
        algorithmParms: KeyParms, pcrInfo: PCR, pubKey: StorePubkey, encData: [UInt8]
    ) {
        self.form = form
        self.keyUsage = keyUsage
        self.keyFlags = keyFlags
        self.authDataUsage = authDataUsage
        self.algorithmParms = algorithmParms
        self.pcrInfo = pcrInfo
        self.pubKey = pubKey
        self.encData = encData
    }

    /// The public key with its parameters (Part 2, 10.5).
    public var pubkey: Pubkey { Pubkey(algorithmParms: algorithmParms, pubKey: pubKey) }

    /// The wire form without encDataSize and encData, which ``StoreAsymkey/pubDataDigest`` covers (Part 2, 10.6).
    public func publicPart() throws(TPMResult) -> [UInt8] {
        var encoder = WireEncoder()
        var copy = self
        try copy.codePublic(&encoder)
        return encoder.bytes
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try codePublic(&coder)
        try coder.sized("encData", .u32("encDataSize"), &encData)
    }

    private mutating func codePublic<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try codeForm(&coder)
        try coder.value("keyUsage", &keyUsage, else: .badKeyProperty)
        try coder.value("keyFlags", &keyFlags, else: .badKeyProperty)
        try coder.value("authDataUsage", &authDataUsage)
        try coder.structure("algorithmParms", &algorithmParms)
        try codePCRInfo(&coder)
        try coder.structure("pubKey", &pubKey)
    }

    private mutating func codeForm<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        let version: UInt16 = 0x0101
        var first = form == .key12 ? StructureTag.key12.rawValue : version
        try coder.uint16(form == .key12 ? "tag" : "ver", &first)
        var second = form == .key12 ? 0 : rev
        try coder.uint16(form == .key12 ? "fill" : "rev", &second)
        guard coder.isDecoding else { return }
        if first == StructureTag.key12.rawValue {
            guard second == 0 else { throw .badKeyProperty }
            form = .key12
            rev = 0
        } else {
            guard first == version else { throw .badVersion }
            form = .key11
            rev = second
        }
    }

    private mutating func codePCRInfo<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        switch form {
        case .key11:
            var info: PCRInfo?
            if case .info(let value) = pcrInfo { info = value }
            if !coder.isDecoding, case .long = pcrInfo { throw .invalidStructure }
            try coder.sizedStructure("PCRInfo", .u32("PCRInfoSize"), &info)
            pcrInfo = info.map(PCR.info) ?? .none
        case .key12:
            var long: PCRInfoLong?
            if case .long(let value) = pcrInfo { long = value }
            if !coder.isDecoding, case .info = pcrInfo { throw .invalidStructure }
            try coder.sizedStructure("PCRInfo", .u32("PCRInfoSize"), &long)
            pcrInfo = long.map(PCR.long) ?? .none
        }
    }
}
