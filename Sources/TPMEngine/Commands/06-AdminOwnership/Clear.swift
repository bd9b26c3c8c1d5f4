import TPMCrypto
import TPMWire

extension OwnerClear: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. and 2.
        try execution.authorizeOwner()
        guard !execution.state.permanent.flags.disableOwnerClear else { throw .clearDisabled }
        // 3. to 14.
        execution.clearOwner()
        return Response()
    }
}

extension ForceClear: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. and 2.
        try execution.requirePhysicalPresence()
        guard !execution.state.clear.flags.disableForceClear else { throw .clearDisabled }
        // 3.
        execution.clearOwner()
        return Response()
    }
}

extension DisableOwnerClear: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. and 2.
        try execution.authorizeOwner()
        execution.state.permanent.flags.disableOwnerClear = true
        return Response()
    }
}

extension DisableForceClear: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        execution.state.clear.flags.disableForceClear = true
        return Response()
    }
}

extension Execution {
    /// Everything that the owner brought goes; what came with the TPM stays (Part 3, 6.2 actions 3 to 14).
    mutating func clearOwner() {
        // 3. All keys, owner-evict keys too.
        state.keys = KeySlots()
        let factory = PermanentState()
        // 5. and 6. What is not named here stays, as 4. has it: the endorsement key, the DIR, the DAA secrets.
        state.permanent.ownership = nil
        state.permanent.blobSecrets = nil
        state.permanent.operatorAuth = nil
        state.permanent.noOwnerNVWrite = 0
        state.permanent.restrictDelegate = factory.restrictDelegate
        // With it 13.
        state.permanent.delegation.removeAll()
        state.permanent.failedAuthorizations = 0
        state.permanent.ordinalAuditStatus = [:]
        // 7. and 14. Sessions and saved contexts.
        var any = AnyState()
        any.postInitialise = state.any.postInitialise
        any.isFailed = state.any.isFailed
        any.tosPresent = state.any.tosPresent
        any.launch = state.any.launch
        any.ticks = TickSession(start: environment.clock.microseconds)
        state.any = any
        // 8. The PCRs stay, and so do the volatile locks of the NV areas.
        state.clear.contextNonceKey = .zero
        state.clear.countID = 0
        state.clear.ownerReference = .owner
        state.clear.disableResetLock = false
        state.clear.deferredPhysicalPresence = 0
        // 9.
        var flags = state.permanent.flags
        // Off, as the specification's defaults have it, though this TPM left the factory switched on.
        flags.disable = true
        flags.deactivated = true
        flags.readPubek = factory.flags.readPubek
        flags.disableOwnerClear = factory.flags.disableOwnerClear
        flags.disableFullDALogicInfo = factory.flags.disableFullDALogicInfo
        flags.allowMaintenance = factory.flags.allowMaintenance
        flags.readSRKPub = factory.flags.readSRKPub
        // 10.
        flags.ownership = true
        flags.operator = false
        flags.maintenanceDone = false
        state.permanent.flags = flags
        // 11. Their highest value stays.
        state.permanent.counters.releaseAll()
        // 12.
        state.permanent.nv.removeOwnerAreas()
        state.clear.nvLocks = state.clear.nvLocks.filter { state.permanent.nv.areas[$0.key] != nil }
    }
}
