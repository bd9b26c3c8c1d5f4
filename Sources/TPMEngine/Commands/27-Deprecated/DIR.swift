import TPMWire

extension DirWriteAuth: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. to 3.
        try execution.authorizeOwner()
        guard request.dirIndex == 0 else { throw .badIndex }
        execution.state.permanent.authDIR = request.newContents
        return Response()
    }
}

extension DirRead: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. and 2.
        guard request.dirIndex == 0 else { throw .badIndex }
        return Response(dirContents: execution.state.permanent.authDIR)
    }
}
