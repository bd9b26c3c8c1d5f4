import TPMWire

extension Execution {
    /// TPM_CAP_DA_LOGIC: how the defence against dictionary attacks stands (Part 2, 21.7 to 21.10).
    ///
    /// One count serves all secrets, so that the answer is the same for every entity; TPM_WRONG_ENTITYTYPE for what is
    /// none.
    func daLogic(_ entity: EntityType) throws(TPMResult) -> [UInt8] {
        guard entity.scheme != nil, let kind = entity.kind, kind != .reservedHandle else { throw .wrongEntityType }
        let remaining = lockoutRemaining
        let active: DAState = remaining > 0 ? .active : .inactive
        let action = DAActionType(actions: .timeout)
        guard !state.permanent.flags.disableFullDALogicInfo else {
            return try DAInfoLimited(state: active, actionAtThreshold: action).encoded()
        }
        let seconds = remaining / 1_000_000 + (remaining % 1_000_000 > 0 ? 1 : 0)
        return try DAInfo(
            state: active, currentCount: UInt16(clamping: state.permanent.failedAuthorizations),
            thresholdCount: UInt16(clamping: Lockout.threshold), actionAtThreshold: action,
            actionDependValue: UInt32(clamping: seconds)
        ).encoded()
    }
}
