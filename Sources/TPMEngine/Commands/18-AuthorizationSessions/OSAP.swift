import TPMCrypto
import TPMWire

extension OSAP: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. to 3.
        let nonceEven = try execution.nonce()
        let nonceEvenOSAP = try execution.nonce()
        // 5. The scheme that will hide new secrets from now on.
        let scheme = try execution.adipScheme(request.entityType)
        // 6. to 11. The entity and its secret.
        let (entity, secret, delegation) = try entity(request, in: execution)
        // 4. What both sides know and nobody else.
        let shared = HMAC.authenticate(key: secret, nonceEvenOSAP, request.nonceOddOSAP)
        let session = try execution.state.any.sessions.open(
            nonceEven: nonceEven, start: try execution.randomHandle(),
            binding: .init(entity: entity, sharedSecret: Secret(shared), scheme: scheme, delegation: delegation))
        return Response(authHandle: session.handle, nonceEven: nonceEven, nonceEvenOSAP: nonceEvenOSAP)
    }

    /// With it what the secret may do, when it is one of a row that stands for the owner's (description 5).
    private static func entity(
        _ request: Request, in execution: Execution
    ) throws(TPMResult) -> (Entity, Secret, DelegatePublic?) {
        switch request.entityType.kind {
        case .keyHandle:
            let handle = KeyHandle(rawValue: request.entityValue)
            if handle == .operator { throw .badHandle }
            return (.key(handle), try execution.key(handle).usageAuth, nil)
        case .owner:
            let (secret, delegation) = try execution.ownerSecret()
            return (.owner, secret, delegation)
        case .srk:
            return (.key(.srk), try execution.ownership().srk.usageAuth, nil)
        case .nv:
            let area = try execution.state.permanent.nv.area(request.entityValue)
            return (.nv(request.entityValue), area.authValue, nil)
        case .counter:
            let counter = try execution.state.permanent.counters.counter(request.entityValue)
            return (.counter(counter.countID), counter.authData, nil)
        default:
            throw .badParameter
        }
    }
}

extension Execution {
    /// The scheme of an entity type, or TPM_INAPPROPRIATE_ENC (Part 3, 18.2 action 5).
    func adipScheme(_ entityType: EntityType) throws(TPMResult) -> ADIPScheme {
        guard let scheme = entityType.scheme else { throw .inappropriateEnc }
        if state.permanent.flags.fips, scheme == .xor { throw .inappropriateEnc }
        return scheme
    }
}

extension SetOwnerPointer: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        switch request.entityType.plainKind {
        case .delRow:
            // 2.
            _ = try execution.usableRow(request.entityValue)
            execution.state.clear.ownerReference = KeyHandle(rawValue: request.entityValue)
            return Response()
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
