import TPMWire

extension TerminateHandle: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        guard execution.state.any.sessions.close(request.handle) else { throw .invalidAuthHandle }
        return Response()
    }
}

extension Reset: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. and 2. Every authorization session ends; no other state changes.
        execution.state.any.sessions.closeAll()
        return Response()
    }
}
