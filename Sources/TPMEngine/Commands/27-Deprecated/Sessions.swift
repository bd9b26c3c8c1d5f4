import TPMWire

extension TerminateHandle: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        guard execution.state.any.sessions.close(request.handle) else { throw .invalidAuthHandle }
        return Response()
    }
}

extension Reset: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. Every authorization session ends, and what the context commands of 1.1 wrote loads no more.
        execution.state.any.sessions.closeAll()
        execution.state.any.contexts11 = ContextList()
        // 2. to 4. No other state changes.
        return Response()
    }
}
