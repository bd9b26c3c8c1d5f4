import TPMCrypto
import TPMWire

extension DSAP: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // The scheme that will hide new secrets from now on, as for TPM_OSAP.
        let scheme = try execution.adipScheme(request.entityType)
        // 1. to 4.
        let (entity, authValue, delegation) = try delegation(request, in: &execution)
        // 6. and 7.
        let nonceEven = try execution.nonce()
        let nonceEvenDSAP = try execution.nonce()
        let shared = HMAC.authenticate(key: authValue, nonceEvenDSAP, request.nonceOddDSAP)
        // 5.
        let session = try execution.state.any.sessions.open(
            nonceEven: nonceEven, start: try execution.randomHandle(),
            binding: .init(entity: entity, sharedSecret: Secret(shared), scheme: scheme, delegation: delegation))
        return Response(authHandle: session.handle, nonceEven: nonceEven, nonceEvenDSAP: nonceEvenDSAP)
    }

    /// Whose authorization is delegated, the secret that stands for theirs, and what it may do.
    private static func delegation(
        _ request: Request, in execution: inout Execution
    ) throws(TPMResult) -> (Entity, Secret, DelegatePublic) {
        switch request.entityType.kind {
        case .delOwnerBlob:
            // 1.
            let blob = try decode(DelegateOwnerBlob.self, request.entityValue)
            try execution.state.permanent.delegation.checkUsable(blob.pub)
            try execution.checkIntegrity(blob)
            return (.owner, try execution.authValue(of: blob, else: .badDelegate), blob.pub)
        case .delRow:
            // 2.
            var decoder = WireDecoder(request.entityValue)
            var index: UInt32 = 0
            try decoder.uint32("index", &index)
            try decoder.finish()
            let row = try execution.usableRow(index)
            return (.owner, row.authValue, row.pub)
        case .delKeyBlob:
            // 3.
            let blob = try decode(DelegateKeyBlob.self, request.entityValue)
            try execution.state.permanent.delegation.checkUsable(blob.pub)
            try execution.checkIntegrity(blob)
            let key = try execution.key(request.keyHandle)
            guard SHA1.hash(try key.key.pubKey.encoded()) == blob.pubKeyDigest else { throw .keyNotFound }
            return (.key(request.keyHandle), try execution.authValue(of: blob, else: .badDelegate), blob.pub)
        default:
            // 4.
            throw .badParameter
        }
    }

    /// Whatever does not decode is TPM_WRONG_ENTITYTYPE (actions 1.b and 3.b).
    private static func decode<Blob: DelegateBlob>(_ type: Blob.Type, _ bytes: [UInt8]) throws(TPMResult) -> Blob {
        do throws(TPMResult) { return try WireDecoder.decode(type, from: bytes) } catch { throw .wrongEntityType }
    }
}

extension Execution {
    /// A row of the delegate table that may be used now, and what ``DelegationTables/checkUsable(_:)`` throws (Part 3,
    /// 18.3 action 2 and 18.4 action 2).
    func usableRow(_ index: UInt32) throws(TPMResult) -> DelegateTableRow {
        let row = try state.permanent.delegation.row(index)
        try state.permanent.delegation.checkUsable(row.pub)
        return row
    }
}
