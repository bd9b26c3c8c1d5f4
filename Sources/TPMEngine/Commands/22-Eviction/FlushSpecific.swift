import TPMWire

extension FlushSpecific: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        switch request.resourceType {
        case .auth:
            // 3. The session that the handle points to.
            guard execution.state.any.sessions.close(request.handle) else { throw .badParameter }
        case .key:
            // 2. Any loaded key but those that only the owner lets go.
            let handle = KeyHandle(rawValue: request.handle)
            guard let slot = execution.state.keys.slot(handle) else { throw .badParameter }
            guard !slot.isOwnerEvict else { throw .keyOwnerControl }
            execution.evict(handle)
        case .context:
            // 1. A session context that was saved: its blob loads no more.
            guard execution.state.any.contexts.remove(request.handle) else { throw .badParameter }
        case .trans:
            // 4.
            guard execution.state.any.transports.close(request.handle) else { throw .badParameter }
        case .daaTPM:
            // 5. A join or a sign.
            guard execution.state.any.daaSessions.close(request.handle) else { throw .badParameter }
        default:
            // 6.
            throw .invalidResource
        }
        return Response()
    }
}
