import TPMCrypto
import TPMWire

extension MakeIdentity: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        var template = request.idKeyParams
        // 1. The one size of an identity, and the default exponent.
        try checkSize(template.algorithmParms)
        try template.checkFIPS(execution.state.permanent.flags)
        // 2. The owner's session is the second, or the only one when the SRK needs none.
        try execution.authorizeOwner()
        guard let owner = execution.authorization.last else { throw .authFail }
        try execution.requireOSAP(at: owner)
        // 3.
        let srk = try execution.useKey(.srk, at: owner == .second ? .first : nil)
        // 4. and 5.
        guard template.keyUsage == .identity, !template.keyFlags.contains(.migratable) else { throw .invalidKeyUsage }
        // The rest of 1., whose schemes depend on the usage.
        try template.checkParameters()
        // 6.
        let usageAuth = try execution.decrypt(request.identityAuth, at: owner)
        // 7.
        execution.authorization.endSession(at: .first)
        execution.authorization.endSession(at: owner)
        // 8. and 9. The form is the template's.
        try template.recordCreation(in: execution)
        // 10. to 14.
        let identity = try LoadedKey.generate(
            template, usageAuth: usageAuth, migrationAuth: try execution.blobSecrets().tpmProof,
            from: execution.environment.keyPairs)
        // 15.
        let idKey = try identity.wrapped(by: srk, random: execution.environment.random)
        // 16. and 17.
        let idContents = IdentityContents(
            labelPrivCADigest: request.labelPrivCADigest, identityPubKey: identity.key.pubkey)
        return Response(idKey: idKey, identityBinding: try identity.sign(SHA1.hash(try idContents.encoded())))
    }

    /// TPM_BAD_KEY_PROPERTY for what is not RSA with 2048 bits and the default exponent (action 1).
    private static func checkSize(_ parms: KeyParms) throws(TPMResult) {
        let size = try parms.rsaSize()
        guard size.bits == 2048, parms.rsa?.exponent.isEmpty == true else { throw .badKeyProperty }
    }
}
