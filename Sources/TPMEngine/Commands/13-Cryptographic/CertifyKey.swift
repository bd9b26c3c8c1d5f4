import TPMCrypto
import TPMWire

extension CertifyKey: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. Both keys are there before any authorization is checked.
        _ = try execution.key(request.keyHandle)
        try execution.key(request.certHandle).checkCertifies()
        // 2. With one session only it is that of the key to be certified.
        let isTwoSessions = execution.authorization.requests.count == 2
        let certKey = try execution.useKey(request.certHandle, at: isTwoSessions ? .first : nil)
        let key = try execution.keyToRead(request.keyHandle, at: execution.authorization.last)
        // 3. and 4.
        guard key.payload == .asym else { throw .invalidKeyUsage }
        if certKey.key.keyUsage == .identity, key.isMigratable { throw .migrateFail }
        // 5. and 6.
        try certKey.checkAttests()
        try key.checkCertifiable()
        // 9.a.
        try execution.checkPublicRead(key)
        // 7. to 14.
        let info =
            key.needsInfo2
            ? CertifiedInfo.info2(key.certifyInfo2(antiReplay: request.antiReplay))
            : CertifiedInfo.info(key.certifyInfo(antiReplay: request.antiReplay))
        // 15.
        return Response(certifyInfo: info, outData: try certKey.sign(SHA1.hash(try info.encoded())))
    }
}

extension CertifyKey2: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. Both keys are there before any authorization is checked.
        _ = try execution.key(request.keyHandle)
        try execution.key(request.certHandle).checkCertifies()
        // 2. With one session only it is that of the certifying key.
        let sessions = execution.authorization.requests.count
        let key = try execution.keyToRead(request.keyHandle, at: sessions == 2 ? .first : nil)
        let certKey: LoadedKey
        do throws(TPMResult) {
            certKey = try execution.useKey(request.certHandle, at: execution.authorization.last)
        } catch {
            // 2.b.ii. The certifying key's is the second authorization even where the first is not asked for.
            throw sessions == 1 && error == .authFail ? .auth2Fail : error
        }
        let isCMK = key.payload == .migrateRestricted || key.payload == .migrateExternal
        // 3.
        if certKey.key.keyUsage == .identity, key.isMigratable,
            !(key.key.keyFlags.contains(.migrateAuthority) && isCMK)
        {
            throw .migrateFail
        }
        // 4. and 5.
        try certKey.checkAttests()
        try key.checkCertifiable()
        // 6. to 10., 12. and 13.b.
        var info = key.certifyInfo2(antiReplay: request.antiReplay)
        // 11.
        if isCMK {
            let migrationAuth = try execution.blobSecrets().migrationAuth(
                msaDigest: request.migrationPubDigest, pubKeyDigest: try key.key.pubkey.digest())
            guard key.migrationAuth == migrationAuth else { throw .maSource }
            info.migrationAuthority = SHA1.hash(request.migrationPubDigest, key.payload.rawValue).bytes
        }
        // 13.c.
        try execution.checkPublicRead(key)
        // 15.
        return Response(certifyInfo: info, outData: try certKey.sign(SHA1.hash(try info.encoded())))
    }
}

extension LoadedKey {
    /// The schemes that a key may certify with (Part 3, 13.8 action 1, which names no code): else
    /// TPM_BAD_KEY_PROPERTY.
    fileprivate func checkCertifies() throws(TPMResult) {
        let scheme = key.algorithmParms.sigScheme
        guard scheme == .rsassaPKCS1v15SHA1 || scheme == .rsassaPKCS1v15INFO else { throw .badKeyProperty }
    }

    /// The usages that can be certified (Part 3, 13.8 action 6): else TPM_INVALID_KEYUSAGE.
    fileprivate func checkCertifiable() throws(TPMResult) {
        guard [.signing, .storage, .identity, .bind, .legacy].contains(key.keyUsage) else { throw .invalidKeyUsage }
    }

    /// True when the key depends on PCR 16 or above, or on a locality (Part 3, 13.8 action 7).
    fileprivate var needsInfo2: Bool {
        guard let short = key.pcrInfo.short else { return false }
        return short.pcrSelection.bits >> 16 != 0 || short.localityAtRelease != .all
    }

    func certifyInfo(antiReplay: Digest) -> CertifyInfo {
        var info = CertifyInfo()
        info.keyUsage = key.keyUsage
        info.keyFlags = key.keyFlags
        info.authDataUsage = key.authDataUsage
        info.algorithmParms = key.algorithmParms
        info.pubkeyDigest = SHA1.hash(key.pubKey.key)
        info.data = antiReplay
        info.parentPCRStatus = parentPCRStatus
        // The digest at creation stays zero, whichever form the key has (action 9.b.v). The selection keeps its size,
        // as digestAtRelease covers it, so that PCRInfoSize is 44 for one of two bytes only (action 9.b.iii).
        info.pcrInfo = key.pcrInfo.short.map { PCRInfo($0) }
        return info
    }

    fileprivate func certifyInfo2(antiReplay: Digest) -> CertifyInfo2 {
        var info = CertifyInfo2()
        info.payloadType = payload
        info.keyUsage = key.keyUsage
        info.keyFlags = key.keyFlags
        info.authDataUsage = key.authDataUsage
        info.algorithmParms = key.algorithmParms
        info.pubkeyDigest = SHA1.hash(key.pubKey.key)
        info.data = antiReplay
        info.parentPCRStatus = parentPCRStatus
        info.pcrInfo = key.pcrInfo.short
        return info
    }
}
