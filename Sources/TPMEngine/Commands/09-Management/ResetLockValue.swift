import TPMWire

extension ResetLockValue: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. One failed trial closes this command until the wait is over.
        if execution.state.clear.disableResetLock, execution.lockoutRemaining > 0 { throw .authFail }
        // 2. What a failure does besides is done where failures are counted.
        try execution.authorizeOwner()
        // 3.
        execution.state.permanent.failedAuthorizations = 0
        execution.state.any.lockedUntil = nil
        if execution.state.clear.disableResetLock { execution.state.clear.disableResetLock = false }
        return Response()
    }
}
