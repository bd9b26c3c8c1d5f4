import TPMCrypto
import TPMWire

extension ChangeAuth: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. to 4.
        let kind = request.entityType.kind
        guard kind == .data || kind == .key else { throw .wrongEntityType }
        guard try execution.session(at: .first).binding != nil else { throw .badMode }
        guard try execution.session(at: .second).binding == nil else { throw .badMode }
        guard request.protocolID == .adcp else { throw .badParameter }
        // 6. to 8.
        let newAuth = try execution.decrypt(request.newAuth, at: .first)
        let parent = try execution.useKey(request.parentHandle, at: .first)
        guard parent.isStorage else { throw .invalidKeyUsage }
        // 9. to 13.
        execution.authorization.endSession(at: .second)
        let plain = try parent.decrypt(request.encData)
        if kind == .key {
            var key = try WireDecoder.decode(StoreAsymkey.self, from: plain, short: .invalidStructure)
            try execution.authorize(.second, as: .unbound, secret: key.usageAuth)
            key.usageAuth = newAuth
            return Response(outData: try parent.encrypt(try key.encodedSecret(), random: execution.environment.random))
        }
        var data = try WireDecoder.decode(SealedData.self, from: plain, short: .invalidStructure)
        guard data.payload == .seal else { throw .invalidStructure }
        try execution.authorize(.second, as: .unbound, secret: data.authData)
        data.authData = newAuth
        return Response(outData: try parent.encrypt(try data.encodedSecret(), random: execution.environment.random))
    }
}

extension ChangeAuthOwner: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. to 4.
        try execution.authorizeOwner()
        guard try execution.session(at: .first).binding != nil else { throw .authFail }
        guard request.protocolID == .adcp else { throw .badParameter }
        guard request.entityType.kind == .owner || request.entityType.kind == .srk else { throw .wrongEntityType }
        // 5. and 6.
        let newAuth = try execution.decrypt(request.newAuth, at: .first)
        // 7.
        if request.entityType.kind == .owner {
            execution.state.permanent.ownership?.ownerAuth = newAuth
        } else {
            execution.state.permanent.ownership?.srk.usageAuth = newAuth
            execution.state.any.sessions.close(boundTo: .key(.srk))
        }
        // 8.
        execution.state.any.sessions.close(boundTo: .owner)
        execution.state.any.contexts.removeAll()
        return Response()
    }
}
