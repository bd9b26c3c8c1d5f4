/// TPM_PERMANENT_FLAGS, 22 bytes (Part 2, 7.1). The defaults are those of a TPM that left the factory switched on,
/// since a guest whose firmware asks nobody could not change it; a cleared one is disabled and deactivated.
public struct PermanentFlags: WireStructure, Equatable {
    public var disable = false
    /// An owner can be installed.
    public var ownership = true
    /// What TPM_STCLEAR_FLAGS -> deactivated is at the next TPM_Startup(ST_CLEAR).
    public var deactivated = false
    /// TPM_ReadPubek works.
    public var readPubek = true
    public var disableOwnerClear = false
    public var allowMaintenance = true
    public var physicalPresenceLifetimeLock = false
    public var physicalPresenceHWEnable = false
    public var physicalPresenceCMDEnable = false
    /// The endorsement key was made by TPM_CreateEndorsementKeyPair.
    public var cekpUsed = false
    public var tpmPost = false
    public var tpmPostLock = false
    public var fips = false
    /// operatorAuth is set.
    public var `operator` = false
    public var enableRevokeEK = true
    /// The authorization of NV areas is enforced.
    public var nvLocked = false
    /// TPM_GetPubKey returns the SRK.
    public var readSRKPub = false
    public var tpmEstablished = false
    public var maintenanceDone = false
    /// TPM_CAP_DA_LOGIC returns the limited structure.
    public var disableFullDALogicInfo = false

    public init() {}

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.permanentFlags)
        try coder.bool("disable", &disable)
        try coder.bool("ownership", &ownership)
        try coder.bool("deactivated", &deactivated)
        try coder.bool("readPubek", &readPubek)
        try coder.bool("disableOwnerClear", &disableOwnerClear)
        try coder.bool("allowMaintenance", &allowMaintenance)
        try coder.bool("physicalPresenceLifetimeLock", &physicalPresenceLifetimeLock)
        try coder.bool("physicalPresenceHWEnable", &physicalPresenceHWEnable)
        try coder.bool("physicalPresenceCMDEnable", &physicalPresenceCMDEnable)
        try coder.bool("CEKPUsed", &cekpUsed)
        try coder.bool("TPMpost", &tpmPost)
        try coder.bool("TPMpostLock", &tpmPostLock)
        try coder.bool("FIPS", &fips)
        try coder.bool("operator", &`operator`)
        try coder.bool("enableRevokeEK", &enableRevokeEK)
        try coder.bool("nvLocked", &nvLocked)
        try coder.bool("readSRKPub", &readSRKPub)
        try coder.bool("tpmEstablished", &tpmEstablished)
        try coder.bool("maintenanceDone", &maintenanceDone)
        try coder.bool("disableFullDALogicInfo", &disableFullDALogicInfo)
    }
}

/// TPM_STCLEAR_FLAGS, 7 bytes (Part 2, 7.2).
public struct STClearFlags: WireStructure, Equatable {
    public var deactivated = false
    public var disableForceClear = false
    /// Physical presence as TSC_PhysicalPresence asserted it.
    public var physicalPresence = false
    public var physicalPresenceLock = false
    /// Areas with TPM_NV_PER_GLOBALLOCK take no write until the next start.
    public var bGlobalLock = false

    public init() {}

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.stClearFlags)
        try coder.bool("deactivated", &deactivated)
        try coder.bool("disableForceClear", &disableForceClear)
        try coder.bool("physicalPresence", &physicalPresence)
        try coder.bool("physicalPresenceLock", &physicalPresenceLock)
        try coder.bool("bGlobalLock", &bGlobalLock)
    }
}

/// TPM_STANY_FLAGS, 9 bytes (Part 2, 7.3).
public struct STAnyFlags: WireStructure, Equatable {
    public var postInitialise = false
    /// A TPM_MODIFIER_INDICATOR, 4 bytes: the locality of the running command, 0 to 4 (Part 2, 2.2.1).
    public var localityModifier: UInt32 = 0
    public var transportExclusive = false
    public var tosPresent = false

    public init() {}

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.stAnyFlags)
        try coder.bool("postInitialise", &postInitialise)
        try coder.uint32("localityModifier", &localityModifier)
        try coder.bool("transportExclusive", &transportExclusive)
        try coder.bool("TOSPresent", &tosPresent)
    }
}
