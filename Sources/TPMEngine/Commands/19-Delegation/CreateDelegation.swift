import TPMCrypto
import TPMWire

extension DelegateCreateKeyDelegation: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        let publicInfo = request.publicInfo
        // 1. It is no use of the key, so that its PCRs do not count (description 1).
        let key = try execution.keyToDelegate(request.keyHandle, at: .first)
        // 2. to 5.
        let family = try execution.checkCreation(publicInfo, type: .key)
        // 6. The session ends with it (13.).
        let authValue = try execution.decrypt(request.delAuth, at: .first)
        // 7. to 12.
        var blob = DelegateKeyBlob()
        blob.pubKeyDigest = SHA1.hash(try key.key.pubKey.encoded())
        blob.pub = publicInfo
        blob.pub.verificationCount = family.verificationCount
        return Response(blob: try execution.sealed(blob, authValue: authValue))
    }
}

extension DelegateCreateOwnerDelegation: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        let publicInfo = request.publicInfo
        // 1.
        try execution.authorizeOwner()
        // 2. to 5.
        var family = try execution.checkCreation(publicInfo, type: .owner)
        // 7. comes first, while there is the session. It ends with the command (14.).
        let authValue = try execution.decrypt(request.delAuth, at: .first)
        // 6.
        if request.increment {
            try execution.state.permanent.delegation.incrementVerification(ofFamily: family.familyID)
            family = try execution.state.permanent.delegation.family(family.familyID)
            execution.invalidateDelegatedSessions()
        }
        // 8. to 13.
        var blob = DelegateOwnerBlob()
        blob.pub = publicInfo
        blob.pub.verificationCount = family.verificationCount
        return Response(blob: try execution.sealed(blob, authValue: authValue))
    }
}

extension Execution {
    /// What both commands check once they are authorized, and the family of the new delegation (Part 3, 19.2 and 19.3
    /// actions 2 to 5).
    ///
    /// TPM_BADINDEX without the family, TPM_DELEGATE_FAMILY, TPM_DISABLED_CMD and TPM_AUTHFAIL for what a delegation
    /// cannot pass on, TPM_BAD_PARAMETER for the other delegateType, TPM_INVALID_AUTHHANDLE for an OIAP session.
    fileprivate func checkCreation(_ info: DelegatePublic, type: DelegateType) throws(TPMResult) -> FamilyTableEntry {
        // 2.
        let family = try state.permanent.delegation.family(info.familyID)
        // 3.
        if let given = authorization.delegation(at: .first) {
            guard given.familyID == info.familyID else { throw .delegateFamily }
            guard family.flags.contains(.enabled) else { throw .disabledCmd }
            // The bits alone, since 4. looks at their type.
            let bits = Delegations(
                delegateType: given.permissions.delegateType, per1: info.permissions.per1, per2: info.permissions.per2)
            guard bits.isSubset(of: given.permissions) else { throw .authFail }
        }
        // 4.
        guard info.permissions.delegateType == type else { throw .badParameter }
        // 5.
        guard try session(at: .first).binding != nil else { throw .invalidAuthHandle }
        return family
    }
}
