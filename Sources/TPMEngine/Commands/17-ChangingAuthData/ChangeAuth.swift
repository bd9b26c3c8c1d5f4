import TPMCrypto
import TPMWire

extension ChangeAuth: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. to 4.
        let kind = try AuthorizedEntity.checkKind(request.entityType)
        guard try execution.session(at: .first).binding != nil else { throw .badMode }
        guard try execution.session(at: .second).binding == nil else { throw .badMode }
        guard request.protocolID == .adcp else { throw .badParameter }
        // 6. to 8.
        let newAuth = try execution.decrypt(request.newAuth, at: .first)
        let parent = try execution.useKey(request.parentHandle, at: .first)
        guard parent.isStorage else { throw .invalidKeyUsage }
        // 9. to 12.
        var entity = try AuthorizedEntity(kind, try parent.decrypt(request.encData))
        try execution.authorize(.second, as: .unbound, secret: entity.auth)
        entity.auth = newAuth
        // 13. The first session ends because it hid the new secret.
        execution.authorization.endSession(at: .second)
        return Response(
            outData: try parent.encrypt(try entity.encodedSecret(), random: execution.environment.random))
    }
}

extension ChangeAuthOwner: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. to 4.
        try execution.authorizeOwner()
        guard try execution.session(at: .first).binding != nil else { throw .badMode }
        guard request.protocolID == .adcp else { throw .badParameter }
        let kind = request.entityType.plainKind
        guard kind == .owner || kind == .srk else { throw .wrongEntityType }
        // 5. and 6.
        let newAuth = try execution.decrypt(request.newAuth, at: .first)
        // 7.
        if kind == .owner {
            execution.state.permanent.ownership?.ownerAuth = newAuth
        } else {
            execution.state.permanent.ownership?.srk.usageAuth = newAuth
            execution.state.any.sessions.close(boundTo: .key(.srk))
        }
        // 8. and 9. Saved sessions do not say whose they are, so that all of them go.
        execution.state.any.sessions.close(boundTo: .owner)
        execution.state.any.contexts.removeAll()
        return Response()
    }
}
