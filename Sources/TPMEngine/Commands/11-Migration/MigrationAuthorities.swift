import TPMCrypto
import TPMWire

extension CMKSetRestrictions: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. and 2.
        try execution.authorizeOwner()
        execution.state.permanent.restrictDelegate = request.restriction
        return Response()
    }
}

extension CMKApproveMA: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1.
        try execution.authorizeOwner()
        // 2. and 3.
        let approval = CMKMAApproval(migrationAuthorityDigest: request.migrationAuthorityDigest)
        return Response(outData: try execution.blobSecrets().ticket(approval))
    }
}

extension CMKCreateTicket: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        let parms = request.verificationKey.algorithmParms
        // 1.
        try execution.authorizeOwner()
        // 2. The key may be of any size that the TPM handles.
        let key = try request.verificationKey.rsaKey()
        guard parms.encScheme == .none else { throw .inappropriateEnc }
        guard parms.sigScheme == .rsassaPKCS1v15SHA1 || parms.sigScheme == .rsassaPKCS1v15INFO else {
            throw .inappropriateSig
        }
        // 3. Both schemes sign a digest in the same way (Part 1, 31.2.3).
        guard
            key.verifyPKCS1(digestInfo: DigestInfo.sha1(request.signedData), signature: request.signatureValue)
        else { throw .badSignature }
        // 4. and 5.
        let ticket = CMKSigTicket(
            verKeyDigest: try request.verificationKey.digest(), signedData: request.signedData)
        return Response(sigTicket: try execution.blobSecrets().ticket(ticket))
    }
}
