import TPMWire

extension FlushSpecific: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        switch request.resourceType {
        case .auth:
            // 3. The session that the handle points to.
            try execution.state.any.sessions.close(request.handle, else: .badParameter)
        case .key, .context, .trans, .daaTPM:
            // 7. None of these can be loaded yet, so that no handle of one is valid.
            throw .badParameter
        default:
            // 6.
            throw .invalidResource
        }
        return Response()
    }
}
