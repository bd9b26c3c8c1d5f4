/// TPM_PF_x, the numbers of the flags of TPM_PERMANENT_FLAGS for TPM_SetCapability (Part 2, 7.1.1).
public enum PermanentFlag: UInt32, Sendable, CaseIterable {
    case disable = 1
    case ownership, deactivated, readPubek, disableOwnerClear, allowMaintenance, physicalPresenceLifetimeLock
    case physicalPresenceHWEnable, physicalPresenceCMDEnable, cekpUsed, tpmPost, tpmPostLock, fips
    case `operator`, enableRevokeEK, nvLocked, readSRKPub, tpmEstablished, maintenanceDone, disableFullDALogicInfo
}

/// TPM_SF_x, the numbers of the flags of TPM_STCLEAR_FLAGS (Part 2, 7.2.1).
public enum STClearFlag: UInt32, Sendable, CaseIterable {
    case deactivated = 1
    case disableForceClear, physicalPresence, physicalPresenceLock, bGlobalLock
}

/// TPM_AF_x, the numbers of the flags of TPM_STANY_FLAGS (Part 2, 7.3.1).
public enum STAnyFlag: UInt32, Sendable, CaseIterable {
    case postInitialise = 1
    case localityModifier, transportExclusive, tosPresent
}
