import TPMCrypto
import TPMWire

extension OSAP: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. to 3.
        let nonceEven = try execution.nonce()
        let nonceEvenOSAP = try execution.nonce()
        // 5. The scheme that will hide new secrets from now on.
        guard let scheme = request.entityType.scheme else { throw .inappropriateEnc }
        if execution.state.permanent.flags.fips, scheme == .xor { throw .inappropriateEnc }
        // 6. to 11. The entity and its secret.
        let (entity, secret) = try entity(request, in: execution)
        // 4. What both sides know and nobody else.
        let shared = HMAC.authenticate(key: secret, nonceEvenOSAP, request.nonceOddOSAP)
        let session = try execution.state.any.sessions.open(
            nonceEven: nonceEven, start: try execution.randomHandle(),
            binding: .init(entity: entity, sharedSecret: Secret(shared), scheme: scheme))
        return Response(authHandle: session.handle, nonceEven: nonceEven, nonceEvenOSAP: nonceEvenOSAP)
    }

    private static func entity(
        _ request: Request, in execution: Execution
    ) throws(TPMResult) -> (Entity, Secret) {
        switch request.entityType.kind {
        case .keyHandle:
            let handle = KeyHandle(rawValue: request.entityValue)
            if handle == .operator { throw .badHandle }
            return (.key(handle), try execution.key(handle).usageAuth)
        case .owner:
            return (.owner, try execution.ownership().ownerAuth)
        case .srk:
            return (.key(.srk), try execution.ownership().srk.usageAuth)
        case .nv:
            let area = try execution.state.permanent.nv.area(request.entityValue)
            return (.nv(request.entityValue), area.authValue)
        default:
            throw .badParameter
        }
    }
}

extension SetOwnerPointer: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        switch request.entityType.plainKind {
        case .delRow:
            // 2.b. The delegation table has no row.
            throw .badIndex
        case .owner:
            // 3.
            execution.state.clear.ownerReference = .owner
            return Response()
        default:
            // 4.
            throw .badParameter
        }
    }
}
