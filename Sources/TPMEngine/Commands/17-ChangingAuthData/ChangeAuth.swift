import TPMCrypto
import TPMWire

extension ChangeAuth: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. to 4.
        let kind = request.entityType.plainKind
        guard kind == .data || kind == .key else { throw .wrongEntityType }
        guard try execution.session(at: .first).binding != nil else { throw .badMode }
        guard try execution.session(at: .second).binding == nil else { throw .badMode }
        guard request.protocolID == .adcp else { throw .badParameter }
        // 6. to 8.
        let newAuth = try execution.decrypt(request.newAuth, at: .first)
        let parent = try execution.useKey(request.parentHandle, at: .first)
        guard parent.isStorage else { throw .invalidKeyUsage }
        // 9. to 12.
        let plain = try parent.decrypt(request.encData)
        let changed =
            kind == .key
            ? try key(plain, newAuth: newAuth, in: &execution) : try sealedData(plain, newAuth: newAuth, in: &execution)
        // 13. The first session ends because it hid the new secret.
        execution.authorization.endSession(at: .second)
        return Response(outData: try parent.encrypt(changed, random: execution.environment.random))
    }

    private static func key(
        _ plain: Secret, newAuth: Secret, in execution: inout Execution
    ) throws(TPMResult) -> Secret {
        var key = try decode(StoreAsymkey.self, plain)
        guard [.asym, .migrateRestricted, .migrateExternal].contains(key.payload) else { throw .invalidStructure }
        try execution.authorize(.second, as: .unbound, secret: key.usageAuth)
        key.usageAuth = newAuth
        return try key.encodedSecret()
    }

    private static func sealedData(
        _ plain: Secret, newAuth: Secret, in execution: inout Execution
    ) throws(TPMResult) -> Secret {
        var data = try decode(SealedData.self, plain)
        guard data.payload == .seal else { throw .invalidStructure }
        try execution.authorize(.second, as: .unbound, secret: data.authData)
        data.authData = newAuth
        return try data.encodedSecret()
    }

    /// Whatever does not decode is TPM_INVALID_STRUCTURE here (action 10.a).
    private static func decode<T: WireStructure>(_ type: T.Type, _ plain: Secret) throws(TPMResult) -> T {
        do throws(TPMResult) { return try WireDecoder.decode(type, from: plain) } catch { throw .invalidStructure }
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
