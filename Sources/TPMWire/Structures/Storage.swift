import TPMCrypto

/// TPM_STORED_DATA, 12 bytes, an optional TPM_PCR_INFO and the encrypted data: a sealed blob of 1.1 (Part 2, 9.1).
///
/// A version other than 1.1 is TPM_BAD_VERSION; the seal info throws what ``PCRInfo`` throws.
public struct StoredData: WireStructure, Equatable {
    public var ver = StructVer()
    public var sealInfo: PCRInfo?
    public var encData: [UInt8] = []

    public init() {}

    public init(sealInfo: PCRInfo?, encData: [UInt8]) {
        self.sealInfo = sealInfo
        self.encData = encData
    }

    /// The wire form without encDataSize and encData, which ``SealedData/storedDigest`` covers (Part 2, 9.3).
    public func publicPart() throws(TPMResult) -> [UInt8] {
        var copy = self
        copy.encData = []
        return try copy.encoded().dropLast(4)
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.structure("ver", &ver)
        try coder.sizedStructure("sealInfo", .u32("sealInfoSize"), &sealInfo)
        try coder.sized("encData", .u32("encDataSize"), &encData)
    }
}

/// TPM_STORED_DATA12, 12 bytes, an optional TPM_PCR_INFO_LONG and the encrypted data: a sealed blob of 1.2
/// (Part 2, 9.2).
///
/// Another tag is TPM_INVALID_STRUCTURE; the seal info throws what ``PCRInfoLong`` throws.
public struct StoredData12: WireStructure, Equatable {
    public var et = EntityType(rawValue: 0)
    public var sealInfo: PCRInfoLong?
    public var encData: [UInt8] = []

    public init() {}

    public init(et: EntityType, sealInfo: PCRInfoLong?, encData: [UInt8]) {
        self.et = et
        self.sealInfo = sealInfo
        self.encData = encData
    }

    /// The wire form without encDataSize and encData, which ``SealedData/storedDigest`` covers (Part 2, 9.3).
    public func publicPart() throws(TPMResult) -> [UInt8] {
        var copy = self
        copy.encData = []
        return try copy.encoded().dropLast(4)
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.storedData12)
        try coder.value("et", &et)
        try coder.sizedStructure("sealInfo", .u32("sealInfoSize"), &sealInfo)
        try coder.sized("encData", .u32("encDataSize"), &encData)
    }
}

/// A sealed blob of 1.1 or of 1.2: what TPM_Seal returns and TPM_Unseal takes (Part 3, 10.1 and 10.2).
///
/// The first two bytes choose: TPM_TAG_STORED_DATA12, or a version of 1.1 whose revisions are ignored; anything
/// else is TPM_BAD_VERSION. The seal info throws what ``PCRInfo`` and ``PCRInfoLong`` throw.
public enum SealedBlob: WireStructure, Equatable {
    case storedData(StoredData)
    case storedData12(StoredData12)

    public init() { self = .storedData(StoredData()) }

    public var encData: [UInt8] {
        switch self {
        case .storedData(let data): data.encData
        case .storedData12(let data): data.encData
        }
    }

    /// The same blob around other encrypted data.
    public func with(encData: [UInt8]) -> SealedBlob {
        switch self {
        case .storedData(var data):
            data.encData = encData
            return .storedData(data)
        case .storedData12(var data):
            data.encData = encData
            return .storedData12(data)
        }
    }

    /// The wire form without encDataSize and encData, which ``SealedData/storedDigest`` covers (Part 2, 9.3).
    public func publicPart() throws(TPMResult) -> [UInt8] {
        switch self {
        case .storedData(let data): try data.publicPart()
        case .storedData12(let data): try data.publicPart()
        }
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        if coder.upcoming == StructureTag.storedData12.rawValue { self = .storedData12(StoredData12()) }
        switch self {
        case .storedData(var data):
            try data.code(&coder)
            self = .storedData(data)
        case .storedData12(var data):
            try data.code(&coder)
            self = .storedData12(data)
        }
    }
}

/// TPM_SEALED_DATA, 65 + n bytes: the plaintext of a sealed blob (Part 2, 9.3).
///
/// A payload type that is not defined is TPM_NOTSEALED_BLOB, as one that is not TPM_PT_SEAL is to the engine.
public struct SealedData: WireStructure, Equatable {
    public var payload = PayloadType.seal
    public var authData = Secret(count: Digest.byteCount)
    public var tpmProof = Secret(count: Digest.byteCount)
    public var storedDigest = Digest.zero
    public var data = Secret([])

    public init() {}

    public init(payload: PayloadType, authData: Secret, tpmProof: Secret, storedDigest: Digest, data: Secret) {
        self.payload = payload
        self.authData = authData
        self.tpmProof = tpmProof
        self.storedDigest = storedDigest
        self.data = data
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.value("payload", &payload, else: .notSealedBlob)
        try coder.authData("authData", &authData)
        try coder.authData("tpmProof", &tpmProof)
        try coder.digest("storedDigest", &storedDigest)
        try coder.sizedSecret("data", .u32("dataSize"), &data)
    }
}

/// TPM_SYMMETRIC_KEY, 8 + n bytes (Part 2, 9.4).
///
/// Every value decodes: a TPM hands such a key on without using it, and a privacy CA may name an algorithm or a
/// mode that the TPM does not know.
public struct SymmetricKey: WireStructure, Equatable {
    /// A TPM_ALGORITHM_ID.
    public var algId: UInt32 = AlgorithmID.aes128.rawValue
    /// A TPM_ENC_SCHEME.
    public var encScheme: UInt16 = EncScheme.none.rawValue
    public var data = Secret([])

    public init() {}

    public init(algId: UInt32, encScheme: UInt16, data: Secret) {
        self.algId = algId
        self.encScheme = encScheme
        self.data = data
    }

    public init(algId: AlgorithmID, encScheme: EncScheme, data: Secret) {
        self.init(algId: algId.rawValue, encScheme: encScheme.rawValue, data: data)
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.uint32("algId", &algId)
        coder.meaning(AlgorithmID(rawValue: algId).flatMap(WireName.of))
        try coder.uint16("encScheme", &encScheme)
        coder.meaning(EncScheme(rawValue: encScheme).flatMap(WireName.of))
        try coder.sizedSecret("data", .u16("size"), &data)
    }
}

/// TPM_BOUND_DATA, 5 + n bytes, the data without a size (Part 2, 9.5).
///
/// A version other than 1.1 is TPM_BAD_VERSION, a payload type that is not defined TPM_INVALID_STRUCTURE.
public struct BoundData: WireStructure, Equatable {
    public var payload = PayloadType.bind
    public var payloadData = Secret([])

    public init() {}

    public init(payload: PayloadType, payloadData: Secret) {
        self.payload = payload
        self.payloadData = payloadData
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        var ver = StructVer()
        try coder.structure("ver", &ver)
        try coder.value("payload", &payload, else: .invalidStructure)
        try coder.restSecret("payloadData", &payloadData)
    }
}
