import TPMCrypto
import TPMWire

extension AuthorizeMigrationKey: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        let key = request.migrationKey
        // 1.
        _ = try key.strongRSAKey()
        // 2.
        try execution.authorizeOwner()
        // 4.
        guard key.algorithmParms.encScheme == .rsaesOAEPSHA1MGF1 else { throw .inappropriateEnc }
        // 3. and 5. to 10.
        return Response(
            outData: MigrationKeyAuth(
                migrationKey: key, migrationScheme: request.migrationScheme,
                digest: try execution.blobSecrets().migrationDigest(key, request.migrationScheme)))
    }
}

extension MigrateKey: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. and 2.
        let authority = try execution.useKey(request.maKeyHandle, at: execution.authorization.last)
        guard authority.key.keyUsage == .migrate else { throw .invalidKeyUsage }
        guard authority.key.algorithmParms.encScheme == .rsaesOAEPSHA1MGF1 else { throw .inappropriateEnc }
        // 3.
        let target = try request.pubKey.rsaKey()
        guard request.pubKey.algorithmParms.encScheme == .rsaesOAEPSHA1MGF1 else { throw .inappropriateEnc }
        guard target.modulusSize == authority.privateKey.modulusSize else { throw .badKeyProperty }
        guard request.inData.count == authority.privateKey.modulusSize else { throw .badDataSize }
        // 4.
        let blob = try authority.decrypt(request.inData)
        return Response(outData: try target.encrypt(blob, random: execution.environment.random))
    }
}
