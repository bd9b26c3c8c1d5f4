import TPMCrypto
import TPMWire

extension CMKCreateBlob: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        let auth = request.migrationKeyAuth
        // 1.
        let parent = try execution.useKey(request.parentHandle, at: .first)
        guard parent.isStorage else { throw .invalidKeyUsage }
        // 2.
        guard request.migrationType == auth.migrationScheme else { throw .badMode }
        // 3.
        guard !parent.isMigratable else { throw .invalidKeyUsage }
        // 4.
        let key = try parent.openPrivatePart(request.encData)
        // 5.
        try execution.checkMigrationKey(auth)
        // 6.
        guard key.payload == .migrateRestricted || key.payload == .migrateExternal else {
            throw .invalidStructure
        }
        // 7.
        let secrets = try execution.blobSecrets()
        let msaDigest = try request.msaList.digest()
        let migrationAuth = try secrets.migrationAuth(
            msaDigest: msaDigest, pubKeyDigest: request.pubSourceKeyDigest)
        guard key.migrationAuth == migrationAuth else { throw .maAuthority }
        let migrationKey = try auth.migrationKey.rsaKey()
        let destination = try auth.migrationKey.digest()
        switch auth.migrationScheme {
        case .restrictMigrate:
            // 8.
            guard request.msaList.migAuthDigest.contains(destination) else { throw .maTicketSignature }
            let parms = auth.migrationKey.algorithmParms
            guard parms.encScheme == .rsaesOAEPSHA1MGF1 else { throw .inappropriateEnc }
            guard parms.sigScheme == .none else { throw .inappropriateSig }
        case .restrictApprove:
            // 9.
            try request.checkApproval(of: destination, secrets)
        default:
            // 10.
            throw .badParameter
        }
        // 11. to 17.
        let label = Secret(SHA1.hash(msaDigest, request.pubSourceKeyDigest))
        let migrating = MigratingKey(key, payload: .cmkMigrate, pHash: label)
        return try execution.migrationBlob(migrating, for: migrationKey)
    }
}

extension CMKCreateBlob.Request {
    /// Checks that an authority chose the destination for this key (Part 3, 11.9 action 9).
    ///
    /// TPM_BAD_PARAM_SIZE for a ticket of another size, TPM_MA_TICKET_SIGNATURE, TPM_MA_DESTINATION, TPM_MA_SOURCE.
    fileprivate func checkApproval(of destination: Digest, _ secrets: BlobSecrets) throws(TPMResult) {
        let approved = try WireDecoder.decode(CMKAuth.self, from: restrictTicket)
        guard let ticket = Digest(sigTicket) else { throw .badParamSize }
        guard try secrets.isSigned(SHA1.hash(restrictTicket), byOneOf: msaList, ticket: ticket) else {
            throw .maTicketSignature
        }
        guard approved.destinationKeyDigest == destination else { throw .maDestination }
        guard approved.sourceKeyDigest == pubSourceKeyDigest else { throw .maSource }
    }
}

extension CMKConvertMigration: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. and 2.
        let parent = try execution.useKey(request.parentHandle, at: .first)
        guard parent.isStorage else { throw .invalidKeyUsage }
        var migrated = request.migratedKey
        migrated.encData = []
        guard migrated.form == .key12 else { throw .invalidStructure }
        // 3. to 5., 7., 8. and the first half of 10.
        let migrating = try parent.openMigrationBlob(
            request.migratedKey.encData, random: request.random, payload: .cmkMigrate)
        // 6.
        let msaDigest = try request.msaList.digest()
        let source = try migrated.pubkey.digest()
        guard migrating.pHash == Secret(SHA1.hash(msaDigest, source)) else { throw .authFail }
        // 9.
        guard !parent.isMigratable else { throw .invalidKeyUsage }
        // 11.
        let secrets = try execution.blobSecrets()
        let approved = request.restrictTicket
        let signed = SHA1.hash(try approved.encoded())
        guard try secrets.isSigned(signed, byOneOf: request.msaList, ticket: request.sigTicket) else {
            throw .maTicketSignature
        }
        // 12. and 13.
        guard approved.destinationKeyDigest == (try parent.key.pubkey.digest()) else { throw .maDestination }
        // 14.
        guard constantTimeEqual(migrating.pubDataDigest, SHA1.hash(try migrated.publicPart())) else {
            throw .invalidStructure
        }
        // 15. and 16.
        guard migrated.keyFlags.isSuperset(of: [.migratable, .migrateAuthority]) else { throw .invalidKeyUsage }
        // 17.
        guard approved.sourceKeyDigest == source else { throw .maSource }
        // The second half of 10., 18. and 19.
        let key = migrating.stored(
            payload: .migrateExternal,
            migrationAuth: try secrets.migrationAuth(msaDigest: msaDigest, pubKeyDigest: source))
        // 14. The private part, too: the key is tied to its authorities by the public one alone.
        var check = StoredKey()
        check.key = migrated
        check.sensitive = key
        _ = try check.loaded()
        // 20.
        return Response(
            outData: try parent.encrypt(try key.encodedSecret(), random: execution.environment.random))
    }
}
