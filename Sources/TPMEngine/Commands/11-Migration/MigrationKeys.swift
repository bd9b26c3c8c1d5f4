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
        guard try request.pubKey.rsaKey().modulusSize == authority.privateKey.modulusSize else { throw .badDataSize }
        // 4. The blob is whatever it is.
        let blob = try authority.decrypt(request.inData)
        return Response(outData: try request.pubKey.encrypt(blob, random: execution.environment.random))
    }
}
