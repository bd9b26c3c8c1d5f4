import TPMCrypto

/// TPM_CERTIFY_INFO: what TPM_CertifyKey signs of a key without locality and high PCRs (Part 2, 11.1).
public struct CertifyInfo: WireStructure, Equatable {
    public var keyUsage = KeyUsage.signing
    public var keyFlags = KeyFlags()
    public var authDataUsage = AuthDataUsage.always
    public var algorithmParms = KeyParms()
    public var pubkeyDigest = Digest()
    public var data = Digest()
    public var parentPCRStatus = false
    public var pcrInfo: PCRInfo?

    public init() {}

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        var version = StructVer()
        try coder.structure("version", &version)
        try coder.value("keyUsage", &keyUsage, else: .invalidKeyUsage)
        try coder.value("keyFlags", &keyFlags)
        try coder.value("authDataUsage", &authDataUsage)
        try coder.structure("algorithmParms", &algorithmParms)
        try coder.digest("pubkeyDigest", &pubkeyDigest)
        try coder.digest("data", &data)
        try coder.bool("parentPCRStatus", &parentPCRStatus)
        try coder.sizedStructure("PCRInfo", .u32("PCRInfoSize"), &pcrInfo)
    }
}

/// TPM_QUOTE_INFO, 48 bytes: what TPM_Quote signs (Part 2, 11.3).
public struct QuoteInfo: WireStructure, Equatable {
    public static let fixed: [UInt8] = Array("QUOT".utf8)

    public var digestValue = Digest()
    public var externalData = Digest()

    public init() {}

    public init(digestValue: Digest, externalData: Digest) {
        self.digestValue = digestValue
        self.externalData = externalData
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        var version = StructVer()
        try coder.structure("version", &version)
        try coder.literal("fixed", Self.fixed)
        try coder.digest("digestValue", &digestValue)
        try coder.digest("externalData", &externalData)
    }
}

/// TPM_QUOTE_INFO2, 52 bytes with a 3-byte selection: what TPM_Quote2 signs (Part 2, 11.4).
public struct QuoteInfo2: WireStructure, Equatable {
    public static let fixed: [UInt8] = Array("QUT2".utf8)

    public var externalData = Digest()
    public var infoShort = PCRInfoShort()

    public init() {}

    public init(externalData: Digest, infoShort: PCRInfoShort) {
        self.externalData = externalData
        self.infoShort = infoShort
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.quoteInfo2)
        try coder.literal("fixed", Self.fixed)
        try coder.digest("externalData", &externalData)
        try coder.structure("infoShort", &infoShort)
    }
}

extension FieldCoder {
    /// Four or so bytes that are always the same; others are TPM_INVALID_STRUCTURE.
    mutating func literal(_ name: StaticString, _ expected: [UInt8]) throws(TPMResult) {
        var value = expected
        try fixed(name, &value, count: expected.count)
        if isDecoding, value != expected { throw .invalidStructure }
    }
}

/// TPM_CERTIFY_INFO2: what TPM_CertifyKey2, and TPM_CertifyKey for a key with locality or high PCRs, signs
/// (Part 2, 11.2).
///
/// Another tag, a fill that is not 0 and an unknown payload type are TPM_INVALID_STRUCTURE.
public struct CertifyInfo2: WireStructure, Equatable {
    public var payloadType = PayloadType.asym
    public var keyUsage = KeyUsage.signing
    public var keyFlags = KeyFlags()
    public var authDataUsage = AuthDataUsage.always
    public var algorithmParms = KeyParms()
    public var pubkeyDigest = Digest()
    public var data = Digest()
    public var parentPCRStatus = false
    public var pcrInfo: PCRInfoShort?
    /// The digest of the migration authorities and the payload of a certified migration key; empty for others.
    public var migrationAuthority: [UInt8] = []

    public init() {}

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.certifyInfo2)
        var fill: UInt8 = 0
        try coder.uint8("fill", &fill)
        if coder.isDecoding, fill != 0 { throw .invalidStructure }
        try coder.value("payloadType", &payloadType, else: .invalidStructure)
        try coder.value("keyUsage", &keyUsage, else: .invalidKeyUsage)
        try coder.value("keyFlags", &keyFlags)
        try coder.value("authDataUsage", &authDataUsage)
        try coder.structure("algorithmParms", &algorithmParms)
        try coder.digest("pubkeyDigest", &pubkeyDigest)
        try coder.digest("data", &data)
        try coder.bool("parentPCRStatus", &parentPCRStatus)
        try coder.sizedStructure("pcrInfo", .u32("PCRInfoSize"), &pcrInfo)
        try coder.sized("migrationAuthority", .u32("migrationAuthoritySize"), &migrationAuthority)
    }
}

/// What TPM_CertifyKey returns: one of two structures, told apart by their first two bytes (Part 3, 13.8).
public enum CertifiedInfo: WireStructure, Equatable {
    case info(CertifyInfo)
    case info2(CertifyInfo2)

    public init() { self = .info(CertifyInfo()) }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        if coder.upcoming == StructureTag.certifyInfo2.rawValue { self = .info2(CertifyInfo2()) }
        switch self {
        case .info(var value):
            try value.code(&coder)
            self = .info(value)
        case .info2(var value):
            try value.code(&coder)
            self = .info2(value)
        }
    }
}
