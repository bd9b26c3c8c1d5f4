import TPMCrypto
import TPMWire

/// Everything that one TPM knows, as a value: a copy is a snapshot and a fork.
public struct TPMState: Sendable {
    @CopyOnWrite public var permanent = PermanentState()
    @CopyOnWrite public var clear = ClearState()
    @CopyOnWrite public var any = AnyState()
    /// The loaded keys, owner-evict keys among them.
    @CopyOnWrite public var keys = KeySlots()
    /// What TPM_SaveState stored, until the next TPM_Startup or a change to what it mirrors (Part 3, 3.3).
    @CopyOnWrite public var saved: SavedState? = nil

    /// A TPM as it leaves the factory: enabled and active, without an owner and without an endorsement key.
    public init() {}

    /// True when what must outlive power differs from `earlier`'s, or may.
    func changesPermanentState(since earlier: TPMState) -> Bool {
        $permanent.identity != earlier.$permanent.identity || $saved.identity != earlier.$saved.identity
            || ($keys.identity != earlier.$keys.identity && keys.ownerEvict != earlier.keys.ownerEvict)
    }

    /// False when nothing at all was written to since `earlier`.
    public func mayDiffer(from earlier: TPMState) -> Bool {
        changesPermanentState(since: earlier) || changesSavedState(since: earlier)
            || $any.identity != earlier.$any.identity
    }

    /// True when anything that TPM_SaveState mirrors was written to (Part 3, 3.3).
    func changesSavedState(since earlier: TPMState) -> Bool {
        $clear.identity != earlier.$clear.identity || $keys.identity != earlier.$keys.identity
    }
}

/// TPM_STCLEAR_FLAGS and TPM_STCLEAR_DATA (Part 2, 7.2 and 7.5): back at its defaults after TPM_Startup(ST_CLEAR).
public struct ClearState: Sendable {
    public var flags = STClearFlags()
    public var pcrs = PCRBank()
    /// Binds saved key contexts to this start; zero until the first is saved.
    public var contextNonceKey = Digest.zero
    /// The only counter that may be incremented until the next start; zero until one was (Part 3, 25.2).
    public var countID: UInt32 = 0
    /// Whose secret stands for the owner's: TPM_KH_OWNER, or a row of the delegation table.
    public var ownerReference = KeyHandle.owner
    /// True when TPM_ResetLockValue failed, which closes it until the lockout is over (Part 3, 9.3).
    public var disableResetLock = false
    public var deferredPhysicalPresence: UInt32 = 0
    /// NV areas that were locked for reading or writing since the start, by index (Part 2, 19.3).
    public var nvLocks: [UInt32: NVLocks] = [:]

    public init() {}
}

/// The volatile locks of one NV area: TPM_NV_DATA_PUBLIC -> bReadSTClear and bWriteSTClear (Part 2, 19.3).
public struct NVLocks: Sendable, Equatable {
    public var bReadSTClear = false
    public var bWriteSTClear = false

    public init() {}
}

/// TPM_STANY_FLAGS and TPM_STANY_DATA (Part 2, 7.3 and 7.6): gone after any TPM_Startup.
public struct AnyState: Sendable {
    /// True between TPM_Init and TPM_Startup.
    public var postInitialise = true
    /// Set by TPM_HASH_START, and what a reset register is set to depends on it.
    public var tosPresent = false
    /// What TPM_HASH_DATA has brought since TPM_HASH_START; nil outside of the two signals that frame it.
    public var launch: SHA1?
    /// The running SHA-1 thread of TPM_SHA1Start.
    public var sha1: SHA1?
    public var sessions = SessionTable()
    public var transports = TransportTable()
    /// The log of the audited commands; zero when no audit session is open (Part 1, 19).
    public var auditDigest = Digest.zero
    public var ticks = TickSession()
    public var daaSessions = DAASessionTable()
    public var contexts = ContextList()
    /// The same for the context commands of 1.1, whose blobs TPM_Reset and the loss of power invalidate (Part 3, 27.2
    /// and 27.5); its nonce is in their key contexts too.
    public var contexts11 = ContextList()
    /// A failed self-test; every command but TPM_GetTestResult answers TPM_FAILEDSELFTEST.
    public var isFailed = false
    /// Until when authorization is refused, in microseconds of the clock (Part 3, 9.3).
    public var lockedUntil: UInt64?

    public init() {}
}

/// What TPM_SaveState keeps of the volatile state.
public struct SavedState: Sendable {
    public var clear: ClearState
    public var keys: KeySlots
}
