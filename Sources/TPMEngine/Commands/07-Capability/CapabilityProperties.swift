import TPMWire

/// The table of Part 2, 21.2: the subcaps of TPM_CAP_PROPERTY. Those of one subject stand together; the numbers of what
/// can still be opened vary with time.
extension Execution {
    func property(_ property: CapabilityProperty) throws(TPMResult) -> [UInt8] {
        switch property {
        // The TPM itself.
        case .pcr: count(PCRBank.count)
        case .dir: count(1)
        case .manufacturer: TPMVersion.vendorID
        case .owner: bool(state.permanent.hasOwner)
        case .inputBuffer: count(environment.inputBufferSize)
        case .tisTimeout: Timing.interface.flatMap(uint32)
        case .duration: Timing.durations.flatMap(uint32)
        case .startupEffect: uint32(Self.startupEffects.rawValue)
        case .maxNVAvailable: count(state.permanent.nv.available)
        case .cmkRestriction: uint32(state.permanent.restrictDelegate.rawValue)
        // Keys.
        case .keys: count(state.keys.freeCount)
        case .maxKeys: count(KeySlots.capacity)
        // Sessions: transport sessions have a pool of their own.
        case .authSess: count(state.any.sessions.freeCount)
        case .maxAuthSess: count(SessionTable.capacity)
        case .tranSess: count(state.any.transports.freeCount)
        case .maxTranSess: count(TransportTable.capacity)
        case .sessions: count(state.any.sessions.freeCount + state.any.transports.freeCount)
        case .maxSessions: count(SessionTable.capacity + TransportTable.capacity)
        // Saved sessions: their counts may be any distance apart.
        case .context: count(state.any.contexts.freeCount)
        case .maxContext: count(ContextList.capacity)
        case .contextDist: uint32(.max)
        // Counters, which may be incremented as fast as commands arrive.
        case .counters: count(state.permanent.counters.freeCount)
        case .maxCounters: count(MonotonicCounters.capacity)
        case .minCounter: count(0)
        case .activeCounter: uint32(state.clear.countID == 0 ? .max : state.clear.countID)
        // Delegation.
        case .familyRows: count(DelegationTables.familyRows)
        case .delegateRow: count(DelegationTables.delegateRows)
        // DAA sessions, between whose stages any command may come.
        case .daaSess: count(state.any.daaSessions.freeCount)
        case .maxDAASess: count(DAASessionTable.capacity)
        case .daaInterrupt: bool(true)
        }
    }

    private func count(_ value: Int) -> [UInt8] { uint32(UInt32(clamping: value)) }

    /// TPM_Init drops every session and saved session and the SHA-1 thread, whatever TPM_Startup restores.
    private static let startupEffects: StartupEffects = [
        .contextInitialisedByState, .transInitialisedByState, .hashInitialisedByState, .authInitialisedByState,
        .auditDigestZeroedByAny, .daaInitialisedByState,
    ]
}

/// How long a driver waits before it gives a TPM up, in microseconds.
private enum Timing {
    /// TIMEOUT_A to TIMEOUT_D: the defaults of the PC Client interface.
    static let interface: [UInt32] = [750_000, 2_000_000, 750_000, 750_000]
    /// SMALL_DURATION, MEDIUM_DURATION and LONG_DURATION: generous, for a host that is busy with other guests.
    static let durations: [UInt32] = [20_000_000, 60_000_000, 300_000_000]
}
