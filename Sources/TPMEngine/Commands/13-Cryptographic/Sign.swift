import TPMCrypto
import TPMWire

extension Sign: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        let area = request.areaToSign
        // 1. to 3.
        let key = try execution.useKey(request.keyHandle, at: execution.authorization.last)
        guard !area.isEmpty else { throw .badParameter }
        guard key.key.keyUsage == .signing || key.key.keyUsage == .legacy else { throw .invalidKeyUsage }
        // 4. to 10.
        switch key.key.algorithmParms.sigScheme {
        case .rsassaPKCS1v15SHA1:
            guard let digest = Digest(area) else { throw .badParameter }
            return Response(sig: try key.sign(digest))
        case .rsassaPKCS1v15DER:
            guard area.count <= key.privateKey.modulusSize - 11 else { throw .badParameter }
            return Response(sig: try key.sign(block: area))
        case .rsassaPKCS1v15INFO:
            // The replay protection is the caller's nonce, so a command without a session cannot be signed.
            guard let request = execution.authorization.requests.first else { throw .badParameter }
            let info = SignInfo(fixed: Array("SIGN".utf8), replay: request.nonceOdd, data: area)
            return Response(sig: try key.sign(SHA1.hash(try info.encoded())))
        case .none:
            throw .invalidKeyUsage
        }
    }
}

extension LoadedKey {
    /// A PKCS #1 v1.5 signature over a SHA-1 digest.
    func sign(_ digest: Digest) throws(TPMResult) -> [UInt8] {
        try sign(block: DigestInfo.sha1(digest))
    }

    /// A PKCS #1 v1.5 signature over what stands after the padding; at most 11 bytes less than the modulus.
    func sign(block: [UInt8]) throws(TPMResult) -> [UInt8] {
        do { return try privateKey.signPKCS1(block: block) } catch { throw .fail }
    }

    /// Checks that the key may sign what the TPM says about itself: its scheme hashes, or marks, what it signs
    /// (Part 3, 13.8 actions 1 and 5, 16.3 actions 2 and 3). TPM_INAPPROPRIATE_SIG, TPM_INVALID_KEYUSAGE.
    func checkAttests() throws(TPMResult) {
        let scheme = key.algorithmParms.sigScheme
        guard scheme == .rsassaPKCS1v15SHA1 || scheme == .rsassaPKCS1v15INFO else { throw .inappropriateSig }
        guard [.signing, .identity, .legacy].contains(key.keyUsage) else { throw .invalidKeyUsage }
    }
}
