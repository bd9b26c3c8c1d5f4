import TPMCrypto

/// The sizes of direct anonymous attestation (Part 2, 22.1 and 22.2), DAA_SIZE_x in bytes and DAA_power_x in bits.
public enum DAASize {
    public static let r0 = 43
    public static let r1 = 43
    public static let r2 = 128
    public static let r3 = 168
    public static let r4 = 219
    public static let nt = 20
    public static let v0 = 128
    public static let v1 = 192
    public static let ne = 256
    public static let w = 256
    public static let issuerModulus = 256
    /// DAA_generic_q.
    public static let q = 26
    /// DAA_scratch.
    public static let scratch = 256
    /// DAA_join_u0.
    public static let u0 = 128
    /// DAA_join_u1: 138 in the definition and 128 in the table below it (22.6). The protocol wants the larger: 80 bits
    /// more than n has, of which u0 is 1024.
    public static let u1 = 138
    /// DAA_power0, bits.
    public static let power0 = 104
    /// DAA_power1, bits.
    public static let power1 = 1024
}

/// TPM_DAA_ISSUER, 148 bytes: digests of an issuer's public values, and its q (Part 2, 22.3).
///
/// Another tag is TPM_INVALID_STRUCTURE.
public struct DAAIssuer: WireStructure, Equatable {
    public var digestR0 = Digest.zero
    public var digestR1 = Digest.zero
    public var digestS0 = Digest.zero
    public var digestS1 = Digest.zero
    public var digestN = Digest.zero
    public var digestGamma = Digest.zero
    /// 26 bytes, a number.
    public var genericQ = [UInt8](repeating: 0, count: DAASize.q)

    public init() {}

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.daaIssuer)
        try coder.digest("DAA_digest_R0", &digestR0)
        try coder.digest("DAA_digest_R1", &digestR1)
        try coder.digest("DAA_digest_S0", &digestS0)
        try coder.digest("DAA_digest_S1", &digestS1)
        try coder.digest("DAA_digest_n", &digestN)
        try coder.digest("DAA_digest_gamma", &digestGamma)
        try coder.fixed("DAA_generic_q", &genericQ, count: DAASize.q)
    }
}

/// TPM_DAA_TPM, 86 bytes: what a join leaves for signing (Part 2, 22.4).
///
/// Another tag is TPM_INVALID_STRUCTURE.
public struct DAATPM: WireStructure, Equatable {
    /// Of the ``DAAIssuer``.
    public var digestIssuer = Digest.zero
    public var digestV0 = Digest.zero
    public var digestV1 = Digest.zero
    /// 20 bytes. The table calls it "not secret", yet f is computed from it and from the count alone.
    public var rekey = Secret(count: Digest.byteCount)
    public var count: UInt32 = 0

    public init() {}

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.daaTPM)
        try coder.digest("DAA_digestIssuer", &digestIssuer)
        try coder.digest("DAA_digest_v0", &digestV0)
        try coder.digest("DAA_digest_v1", &digestV1)
        try coder.authData("DAA_rekey", &rekey)
        try coder.uint32("DAA_count", &count)
    }
}

/// TPM_DAA_CONTEXT, 319 bytes: a join or a sign under way (Part 2, 22.5).
///
/// Another tag is TPM_INVALID_STRUCTURE.
public struct DAAContext: WireStructure, Equatable {
    public var digestContext = Digest.zero
    /// A running digest, extended as a PCR is.
    public var digest = Digest.zero
    /// From which the session's random numbers come.
    public var contextSeed = Secret(count: Digest.byteCount)
    /// 256 bytes: one number at a time.
    public var scratch = Secret(count: DAASize.scratch)
    /// The last stage that is complete; 0 for no session.
    public var stage: UInt8 = 0

    public init() {}

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.daaContext)
        try coder.digest("DAA_digestContext", &digestContext)
        try coder.digest("DAA_digest", &digest)
        try coder.authData("DAA_contextSeed", &contextSeed)
        try coder.secret("DAA_scratch", &scratch, count: DAASize.scratch)
        try coder.uint8("DAA_stage", &stage)
    }
}

/// TPM_DAA_JOINDATA, 286 bytes: what lasts for one join (Part 2, 22.6). Every value decodes.
public struct DAAJoinData: WireStructure, Equatable {
    public var u0 = Secret(count: DAASize.u0)
    public var u1 = Secret(count: DAASize.u1)
    public var digestN0 = Digest.zero

    public init() {}

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.secret("DAA_join_u0", &u0, count: DAASize.u0)
        try coder.secret("DAA_join_u1", &u1, count: DAASize.u1)
        try coder.digest("DAA_digest_n0", &digestN0)
    }
}

/// TPM_DAA_BLOB, 50 + n bytes: DAA values kept outside the TPM (Part 2, 22.8).
///
/// Another tag is TPM_INVALID_STRUCTURE, an unknown resource type TPM_INVALID_RESOURCE.
public struct DAABlob: WireStructure, Equatable {
    /// One of the three of DAA.
    public var resourceType = ResourceType.daaTPM
    /// 16 bytes of free choice.
    public var label = [UInt8](repeating: 0, count: 16)
    /// An HMAC of the whole structure with daaProof.
    public var blobIntegrity = Digest.zero
    public var additionalData: [UInt8] = []
    /// A ``DAASensitive``, encrypted.
    public var sensitiveData: [UInt8] = []

    public init() {}

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.daaBlob)
        try coder.value("resourceType", &resourceType, else: .invalidResource)
        try coder.fixed("label", &label, count: 16)
        try coder.digest("blobIntegrity", &blobIntegrity)
        try coder.sized("additionalData", .u32("additionalSize"), &additionalData)
        try coder.sized("sensitiveData", .u32("sensitiveSize"), &sensitiveData)
    }
}

/// TPM_DAA_SENSITIVE, 6 + n bytes: a TPM_DAA_TPM, v0 or v1 (Part 2, 22.9). Another tag is TPM_INVALID_STRUCTURE.
public struct DAASensitive: WireStructure, Equatable {
    public var internalData = Secret([])

    public init() {}

    public init(internalData: Secret) { self.internalData = internalData }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.daaSensitive)
        try coder.sizedSecret("internalData", .u32("internalSize"), &internalData)
    }
}
