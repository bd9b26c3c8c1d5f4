import TPMCrypto
import TPMWire

extension CreateMigrationBlob: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        let auth = request.migrationKeyAuth
        // 1. and 2.
        let parent = try execution.useKey(request.parentHandle, at: .first)
        guard parent.isStorage else { throw .invalidKeyUsage }
        // 3. A certified migration key does not go this way.
        let key = try parent.openPrivatePart(request.encData)
        guard key.payload == .asym else { throw .badMigration }
        // 4. A key that cannot migrate has tpmProof for this secret.
        guard try execution.session(at: .second).binding == nil else { throw .badMode }
        try execution.authorize(.second, as: .unbound, secret: key.migrationAuth)
        // 5. The owner allowed the key for one scheme, and it is for no other.
        try execution.checkMigrationKey(auth)
        guard request.migrationType == auth.migrationScheme else { throw .badParameter }
        let migrationKey = try auth.migrationKey.rsaKey()
        switch request.migrationType {
        case .migrate:
            // 6.
            let migrating = MigratingKey(key, payload: .migrate, pHash: key.migrationAuth)
            return try execution.migrationBlob(migrating, for: migrationKey)
        case .rewrap:
            // 7.
            let outData = try migrationKey.encrypt(
                try key.encodedSecret(), random: execution.environment.random)
            return Response(random: [], outData: outData)
        default:
            // 8.
            throw .badParameter
        }
    }
}

extension Execution {
    /// TPM_AUTHFAIL unless this TPM's owner allowed the migration key (Part 3, 11.1 action 5 and 11.9 action 5).
    mutating func checkMigrationKey(_ auth: MigrationKeyAuth) throws(TPMResult) {
        let expected = try blobSecrets().migrationDigest(auth.migrationKey, auth.migrationScheme)
        guard constantTimeEqual(auth.digest, expected) else { throw .authFail }
    }
}

extension ConvertMigrationBlob: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. and 2.
        let parent = try execution.useKey(request.parentHandle, at: execution.authorization.last)
        guard parent.isStorage else { throw .invalidKeyUsage }
        // 3. to 6., and 7.a.
        let migrating = try parent.openMigrationBlob(request.inData, random: request.random, payload: .migrate)
        // 7.
        let key = migrating.stored(payload: .asym, migrationAuth: migrating.pHash)
        // 8.
        return Response(
            outData: try parent.encrypt(try key.encodedSecret(), random: execution.environment.random))
    }
}
