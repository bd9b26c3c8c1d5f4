import TPMCrypto
import TPMWire

/// TPM_PERMANENT_FLAGS and TPM_PERMANENT_DATA (Part 2, 7.1 and 7.4): outlives power.
public struct PermanentState: Sendable {
    public var flags = PermanentFlags()
    /// What an owner brings; nil without one.
    public var ownership: Ownership?
    /// What marks and hides the blobs that leave this TPM; nil until the first, and again after a clear.
    public var blobSecrets: BlobSecrets?
    public var endorsementKey: LoadedKey?
    /// The password of TPM_RevokeTrust, set with a revocable endorsement key.
    public var ekReset: Secret?
    /// Nil until TPM_SetOperatorAuth, and again after a clear.
    public var operatorAuth: Secret?
    /// The one data integrity register, which is also an NV area (Part 2, 19.1.2).
    public var authDIR = Digest.zero
    public var nv = NVStorage()
    /// Writes to NV areas while there was no owner (Part 2, 7.4).
    public var noOwnerNVWrite: UInt32 = 0
    public var restrictDelegate = CMKDelegate()
    public var delegation = DelegationTables()
    /// Made with the endorsement key; TPM_PD_DAAPROOF makes new ones.
    public var daa: DAASecrets?
    public var counters = MonotonicCounters()
    /// Failed authorizations since the last reset (Part 3, 9.3).
    public var failedAuthorizations: UInt32 = 0
    /// The number of audit sessions (Part 1, 19.1).
    public var auditMonotonicCounter: UInt32 = 0
    /// What the owner wants audited, or not, other than Part 2, 17 has it.
    public var ordinalAuditStatus: [Ordinal: Bool] = [:]
    /// The manufacturer's key for maintenance archives, set once and never cleared; nil until then. One without a
    /// modulus is the null key, which switches maintenance off for good (Part 3, 12.4).
    public var manuMaintPub: Pubkey?

    public init() {}

    public var hasOwner: Bool { ownership != nil }
}

/// What TPM_TakeOwnership creates and TPM_OwnerClear destroys (Part 2, 7.4).
public struct Ownership: Sendable {
    public var ownerAuth: Secret
    public var srk: LoadedKey
    /// 16 bytes, AES.
    public let delegateKey: Secret
}

/// TPM_PERMANENT_DATA -> tpmProof and contextKey (Part 2, 7.4).
public struct BlobSecrets: Sendable {
    /// In every sealed blob and every key that cannot migrate: proof that it was made here.
    public var tpmProof = Secret(count: Digest.byteCount)
    /// 16 bytes, AES.
    public var contextKey = Secret(count: AES.blockSize)

    public init() {}

    init(tpmProof: Secret, contextKey: Secret) {
        self.tpmProof = tpmProof
        self.contextKey = contextKey
    }
}

/// TPM_PERMANENT_DATA -> tpmDAASeed, daaProof and daaBlobKey (Part 2, 7.4).
public struct DAASecrets: Sendable {
    public var tpmDAASeed = Secret(count: Digest.byteCount)
    public var daaProof = Secret(count: Digest.byteCount)
    /// 16 bytes, AES.
    public var daaBlobKey = Secret(count: AES.blockSize)

    public init() {}

    init(tpmDAASeed: Secret, daaProof: Secret, daaBlobKey: Secret) {
        self.tpmDAASeed = tpmDAASeed
        self.daaProof = daaProof
        self.daaBlobKey = daaBlobKey
    }
}
