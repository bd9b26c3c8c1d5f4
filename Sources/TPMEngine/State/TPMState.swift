import TPMCrypto
import TPMWire

/// Everything that one TPM knows, as a value: a copy is a snapshot and a fork.
public struct TPMState: Sendable {
    public var permanent = PermanentState()
    public var clear = ClearState()
    public var any = AnyState()
    /// What TPM_SaveState stored, until the next TPM_Startup or a change to what it mirrors (Part 3, 3.3).
    public var saved: SavedState?

    /// A TPM as it leaves the factory: enabled and active, without an owner.
    public init() {}
}

/// TPM_PERMANENT_FLAGS and TPM_PERMANENT_DATA (Part 2, 7.1 and 7.4): outlives power.
public struct PermanentState: Sendable {
    public var disable = false
    public var deactivated = false
    public var hasOwner = false
    public var tpmPost = true

    public init() {}
}

/// TPM_STCLEAR_FLAGS and TPM_STCLEAR_DATA (Part 2, 7.2 and 7.5): back at its defaults after TPM_Startup(ST_CLEAR).
public struct ClearState: Sendable {
    public var deactivated = false
    public var disableForceClear = false
    public var physicalPresence = false
    public var physicalPresenceLock = false
    public var globalLock = false
    public var pcrs = PCRBank()

    public init() {}
}

/// TPM_STANY_FLAGS and TPM_STANY_DATA (Part 2, 7.3 and 7.6): gone after any TPM_Startup.
public struct AnyState: Sendable {
    /// True between TPM_Init and TPM_Startup.
    public var postInitialise = true
    /// Set by TPM_HASH_START, and what a reset register is set to depends on it.
    public var tosPresent = false
    /// The running SHA-1 thread of TPM_SHA1Start.
    public var sha1: SHA1?
    public var sessions = SessionTable()
    /// A failed self-test; every command but TPM_GetTestResult answers TPM_FAILEDSELFTEST.
    public var isFailed = false

    public init() {}
}

/// What TPM_SaveState keeps of the volatile state.
public struct SavedState: Sendable {
    public var clear: ClearState
}
