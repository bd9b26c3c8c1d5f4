import TPMCrypto
import TPMWire

extension CMKCreateKey: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        var template = request.keyInfo
        // 1. and 2.
        let parent = try execution.useKey(request.parentHandle, at: .first)
        try execution.requireOSAP(at: .first)
        // 3.
        _ = try template.algorithmParms.rsaSize()
        // 4. and 5.
        guard parent.isStorage, !parent.isMigratable else { throw .invalidKeyUsage }
        // 6. and 7.
        guard template.keyFlags.isSuperset(of: [.migratable, .migrateAuthority]) else { throw .invalidKeyUsage }
        // 8.
        let secrets = try execution.blobSecrets()
        let approval = CMKMAApproval(migrationAuthorityDigest: request.migrationAuthorityDigest)
        guard try secrets.isTicket(request.migrationAuthorityApproval, of: approval) else { throw .maAuthority }
        // 9. to 11.
        guard template.keyUsage != .identity, template.keyUsage != .authChange else { throw .invalidKeyUsage }
        try template.checkFIPS(execution.state.permanent.flags)
        try template.checkParameters()
        // 12.
        guard template.form == .key12 else { throw .invalidStructure }
        // 14. and 15.
        let usageAuth = try execution.decrypt(request.dataUsageAuth, at: .first)
        // 18. What the blob says of its making is under the digest of the public part.
        try template.recordCreation(in: execution)
        // 13., 16. and 17. The tie to the authorities covers the public key, so it comes after the key.
        var key = try LoadedKey.generate(
            template, payload: .migrateRestricted, usageAuth: usageAuth,
            migrationAuth: Secret(count: Digest.byteCount), from: execution.environment.keyPairs)
        key.migrationAuth = try secrets.migrationAuth(
            msaDigest: request.migrationAuthorityDigest, pubKeyDigest: try key.key.pubkey.digest())
        // 19. and 20.
        return Response(wrappedKey: try key.wrapped(by: parent, random: execution.environment.random))
    }
}
