import TPMWire

extension SaveState: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. Resettable registers are not part of what is kept. 3., 4., 6. and 7. The rest is, every key among it.
        var clear = execution.state.clear
        clear.pcrs = clear.pcrs.preserved()
        execution.state.saved = SavedState(clear: clear, keys: execution.state.keys)
        return Response()
    }
}
