import TPMCrypto
import TPMWire

extension ActivateIdentity: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. The owner's session is the second, or the only one when the identity needs none.
        try execution.authorizeOwner()
        // 2.
        let position: Authorization.Position? = execution.authorization.last == .second ? .first : nil
        let identity = try execution.useKey(request.idKeyHandle, at: position)
        // 3.
        guard identity.key.keyUsage == .identity else { throw .badParameter }
        // 4.
        let digest = SHA1.hash(try identity.key.pubkey.encoded())
        // 5.
        guard let endorsementKey = execution.state.permanent.endorsementKey else { throw .noEndorsement }
        let plain = try endorsementKey.decrypt(request.blob)
        // 6. The form of 1.1 has no tag, but no algorithm's number begins as the tag of the form of 1.2 does.
        let isEKBlob = plain.withUnsafeBytes { $0.starts(with: [0, UInt8(StructureTag.ekBlob.rawValue)]) }
        let symmetricKey =
            isEKBlob
            ? try sessionKey(ofEKBlob: plain, for: digest, in: execution)
            : try sessionKey(ofContents: plain, for: digest)
        // 9.
        return Response(symmetricKey: symmetricKey)
    }

    /// From the form of 1.1 (action 7). TPM_BAD_PARAMETER when it was not made for this identity, TPM_BAD_PARAMSIZE when it has another size.
    private static func sessionKey(ofContents plain: Secret, for identity: Digest) throws(TPMResult) -> SymmetricKey {
        let contents = try WireDecoder.decode(AsymCAContents.self, from: plain)
        guard contents.idDigest == identity else { throw .badParameter }
        return contents.sessionKey
    }

    /// From the form of 1.2 (action 8). TPM_BAD_TYPE for one that is not to activate an identity, TPM_BAD_PARAMETER
    /// when it was not made for this one, TPM_WRONGPCRVAL and TPM_BAD_LOCALITY when now is not the time.
    private static func sessionKey(
        ofEKBlob plain: Secret, for identity: Digest, in execution: Execution
    ) throws(TPMResult) -> SymmetricKey {
        // a. and b.
        let blob = try WireDecoder.decode(EKBlob.self, from: plain)
        guard blob.ekType == .activate else { throw .badType }
        let activate = try WireDecoder.decode(EKBlobActivate.self, from: blob.blob)
        // c. to e.
        guard activate.idDigest == identity else { throw .badParameter }
        try execution.checkRelease(activate.pcrInfo)
        // f.
        return activate.sessionKey
    }
}
