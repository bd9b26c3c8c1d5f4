/// TPM_PD_x, the numbers of the members of TPM_PERMANENT_DATA for TPM_SetCapability, 4 bytes (Part 2, 7.4.1).
///
/// ``restrictDelegate`` and ``daaProof`` alone can be set.
public enum PermanentDataField: UInt32, Sendable, CaseIterable {
    case revMajor = 1
    case revMinor, tpmProof, ownerAuth, operatorAuth, manuMaintPub, endorsementKey, srk, delegateKey, contextKey
    case auditMonotonicCounter, monotonicCounter, pcrAttrib, ordinalAuditStatus, authDIR, rngState, familyTable
    case delegateTable, ekReset
    case lastFamilyID = 21
    case noOwnerNVWrite, restrictDelegate, tpmDAASeed, daaProof
}

/// TPM_SD_x, the numbers of the members of TPM_STCLEAR_DATA, 4 bytes (Part 2, 7.5.1).
///
/// ``deferredPhysicalPresence`` alone can be set.
public enum STClearDataField: UInt32, Sendable, CaseIterable {
    case contextNonceKey = 1
    case countID, ownerReference, disableResetLock, pcr, deferredPhysicalPresence
}

/// TPM_AD_x, the numbers of the members of TPM_STANY_DATA, 4 bytes (Part 2, 7.6.1). None can be set.
public enum STAnyDataField: UInt32, Sendable, CaseIterable {
    case contextNonceSession = 1
    case auditDigest, currentTicks, contextCount, contextList, sessions
}

/// TPM_STCLEAR_DATA -> deferredPhysicalPresence, 4 bytes: physical presence asserted ahead of a command
/// (Part 2, 7.5.2).
public struct DeferredPhysicalPresence: WireFlags, Hashable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// For TPM_FieldUpgrade without an owner.
    public static let unownedFieldUpgrade = DeferredPhysicalPresence(rawValue: 1 << 0)
    public static let names: KeyValuePairs<String, DeferredPhysicalPresence> = [
        "unownedFieldUpgrade": .unownedFieldUpgrade
    ]
}

/// The limits that the definitions of TPM_PERMANENT_DATA and TPM_STANY_DATA name (Part 2, 7.4 and 7.6).
public enum DataLimits {
    /// TPM_MIN_COUNTERS, the monotonic counters at least.
    public static let minCounters = 4
    /// TPM_NUM_PCR, the PCRs at least; platform specifications ask for more.
    public static let numPCR = 16
    /// TPM_MIN_SESSIONS, the loaded sessions at least.
    public static let minSessions = 3
    /// TPM_MIN_SESSION_LIST, the saved sessions at least.
    public static let minSessionList = 16
    /// TPM_MAX_NV_WRITE_NOOWNER, the writes to NV storage that a TPM without an owner takes at most.
    public static let maxNVWriteNoOwner = 64
}
