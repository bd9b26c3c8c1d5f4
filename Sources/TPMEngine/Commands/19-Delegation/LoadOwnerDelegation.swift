import TPMCrypto
import TPMWire

extension DelegateLoadOwnerDelegation: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1.
        guard let blob = request.blob else { throw .badParameter }
        // 2. and 3.
        let family = try execution.state.permanent.delegation.family(blob.pub.familyID)
        let hasOwner = execution.state.permanent.hasOwner
        if hasOwner {
            // 4.
            try execution.authorizeOwner()
            try execution.checkFamily(blob.pub.familyID)
        } else {
            // 5.
            guard execution.authorization.last == nil else { throw .authFail }
            try execution.checkUnownedTables(family)
        }
        // 6.
        guard family.flags.contains(.enabled) else { throw .disabledCmd }
        // Without an owner nobody has seen that the table, which holds no other, gets a delegation of the owner's.
        guard blob.pub.permissions.delegateType == .owner else { throw .invalidStructure }
        // 7. to 9.
        let authValue: Secret
        if hasOwner {
            try execution.checkIntegrity(blob)
            authValue = try execution.authValue(of: blob, else: .invalidStructure)
        } else {
            authValue = try WireDecoder.decode(DelegateSensitive.self, from: blob.sensitiveArea).authValue
        }
        // 10. and 12.
        try execution.state.permanent.delegation.set(
            DelegateTableRow(pub: blob.pub, authValue: authValue), at: request.index)
        // 11.
        execution.invalidateDelegatedSessions()
        execution.countUnownedWrite()
        return Response()
    }
}

extension DelegateReadTable: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. to 4.
        let tables = execution.state.permanent.delegation
        return Response(
            families: tables.families,
            rows: tables.rows.sorted { $0.key < $1.key }.map { DelegatePublicRow(index: $0.key, pub: $0.value.pub) })
    }
}
