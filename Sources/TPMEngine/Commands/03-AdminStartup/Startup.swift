import TPMWire

extension Startup: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. Only after TPM_Init.
        guard execution.state.any.postInitialise else { throw .invalidPostInit }
        switch request.startupType {
        case .clear:
            // 2. Defaults; deactivated follows the permanent flag. TPM_Init left the owner-evict keys alone.
            clear(&execution)
            execution.state.clear.flags.deactivated = execution.state.permanent.flags.deactivated
        case .state:
            // 3. What TPM_SaveState kept; without it the TPM shuts down until the next TPM_Init.
            guard let saved = execution.state.saved else { throw .failedSelfTest }
            execution.state.clear = saved.clear
            execution.state.keys = saved.keys
        case .deactivated:
            // 4. Defaults, and off.
            clear(&execution)
            execution.state.clear.flags.deactivated = true
        }
        // 5. and 6. What does not change needs no disk.
        if execution.state.saved != nil { execution.state.saved = nil }
        execution.state.any.postInitialise = false
        return Response()
    }

    private static func clear(_ execution: inout Execution) {
        execution.state.clear = ClearState()
        execution.state.clear.pcrs = PCRBank(startingWith: execution.environment.initialPCRs)
    }
}
