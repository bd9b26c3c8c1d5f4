import TPMCrypto
import TPMWire

extension Unseal: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        let isTwoSessions = execution.authorization.requests.count == 2
        // 1. to 3. With one session only, it is the data's, and the parent must not need any.
        let parent = try execution.useKey(request.parentHandle, at: isTwoSessions ? .first : nil)
        guard parent.isStorage, !parent.isMigratable else { throw .invalidKeyUsage }
        // 4. to 6.
        let sealed = try open(request.inData, with: parent, in: execution)
        // 7. The locality comes first, other than where keys are used.
        if let release = request.inData.release {
            try execution.checkLocality(release)
            try execution.checkPCRs(release)
        }
        // 8.
        try execution.authorize(isTwoSessions ? .second : .first, as: .unbound, secret: sealed.authData)
        // 9. The data leaves as hidden as TPM_Sealx wants it.
        guard case .storedData12(let stored) = request.inData, stored.et.rawValue != 0 else {
            return Response(secret: sealed.data)
        }
        guard isTwoSessions else { throw .authFail }
        guard let scheme = stored.et.scheme else { throw .inappropriateEnc }
        return Response(secret: try execution.maskData(sealed.data, at: .first, scheme: scheme))
    }

    /// What the blob holds, if this TPM sealed it (Part 3, 10.2 actions 5 and 6): any failure is TPM_NOTSEALED_BLOB.
    private static func open(
        _ blob: SealedBlob, with parent: LoadedKey, in execution: Execution
    ) throws(TPMResult) -> SealedData {
        let plain: Secret
        do throws(TPMResult) { plain = try parent.decrypt(blob.encData) } catch { throw .notSealedBlob }
        let sealed = try WireDecoder.decode(SealedData.self, from: plain, short: .notSealedBlob)
        guard let tpmProof = execution.state.permanent.blobSecrets?.tpmProof, sealed.tpmProof == tpmProof,
            constantTimeEqual(sealed.storedDigest, SHA1.hash(try blob.publicPart())), sealed.payload == .seal
        else { throw .notSealedBlob }
        return sealed
    }
}

extension SealedBlob {
    /// What has to be so when the blob is opened; nil when nothing has.
    fileprivate var release: PCRInfoShort? {
        switch self {
        case .storedData(let stored): stored.sealInfo.map { PCRInfoShort($0) }
        case .storedData12(let stored): stored.sealInfo.map { PCRInfoShort($0) }
        }
    }
}
