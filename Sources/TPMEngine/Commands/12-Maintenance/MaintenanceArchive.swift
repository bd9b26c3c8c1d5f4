import TPMCrypto
import TPMWire

extension CreateMaintenanceArchive: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. and 2.
        try execution.checkMaintenanceAllowed()
        try execution.authorizeOwner()
        // 3.
        let manufacturer = try execution.maintenanceKey()
        // 4. to 8. The SRK's usageAuth is not moved: its place is tpmProof's.
        let owner = try execution.ownership()
        var migrating = MigratingKey(try owner.srk.sensitivePart(), payload: .maint, pHash: owner.ownerAuth)
        migrating.usageAuth = try execution.blobSecrets().tpmProof
        let encoded = try migrating.encoded()
        // 9. and 10.
        let mask =
            request.generateRandom
            ? try execution.randomBytes(encoded.count) : try MGF1.mask(of: owner.ownerAuth, encoded.count)
        // 11. to 13.
        guard let masked = encoded.xor(mask) else { throw .fail }
        var archive = owner.srk.key
        archive.encData = try manufacturer.encrypt(masked, random: execution.environment.random)
        // 14.
        execution.state.permanent.flags.maintenanceDone = true
        // 15.
        return Response(random: request.generateRandom ? mask : [], archive: try archive.encoded())
    }
}

extension LoadMaintenanceArchive: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        try execution.checkMaintenanceAllowed()
        // 1.
        try execution.authorizeOwner()
        // 2. The manufacturer signs with the key that TPM_LoadManuMaintPub brought, of 2048 bits or more.
        let info = DigestInfo.sha1(SHA1.hash(request.archive))
        guard try execution.maintenanceKey().verifyPKCS1(digestInfo: info, signature: request.signature) else {
            throw .badSignature
        }
        // 3. and 4. It is encrypted for the SRK, which no other TPM has.
        var archive = try WireDecoder.decode(Key.self, from: request.archive, short: .invalidStructure)
        let target = try execution.ownership()
        let mask = request.random
        let masked = try target.srk.decrypt(archive.encData)
        guard let encoded = masked.xor(mask.isEmpty ? try MGF1.mask(of: target.ownerAuth, masked.count) : mask)
        else { throw .badParameter }
        let migrating = try MigratingKey(encoded, payload: .maint)
        archive.encData = []
        let (ownerAuth, tpmProof) = (migrating.pHash, migrating.usageAuth)
        let srk = try migrating.storageRootKey(archive, ownerAuth: ownerAuth, tpmProof: tpmProof)
        // 5.
        execution.clearOwner()
        // 6. The keys of contexts and delegations are none of what moves.
        execution.state.permanent.blobSecrets = BlobSecrets(
            tpmProof: tpmProof, contextKey: try execution.randomSecret(AES.blockSize))
        execution.state.permanent.ownership = Ownership(
            ownerAuth: ownerAuth, srk: srk, delegateKey: try execution.randomSecret(AES.blockSize))
        // 7.
        execution.state.permanent.flags.maintenanceDone = true
        return Response()
    }
}

extension MigratingKey {
    /// The SRK that an archive holds, with the owner's secret for its own (Part 3, 12.2 action 6.a).
    ///
    /// TPM_INVALID_STRUCTURE when the public part is not the one that it was made with, TPM_INVALID_KEYUSAGE when it is
    /// that of no SRK, and what ``StoredKey/loaded()`` throws.
    fileprivate func storageRootKey(
        _ publicPart: Key, ownerAuth: Secret, tpmProof: Secret
    ) throws(TPMResult) -> LoadedKey {
        guard constantTimeEqual(pubDataDigest, SHA1.hash(try publicPart.publicPart())) else {
            throw .invalidStructure
        }
        guard publicPart.keyUsage == .storage, !publicPart.keyFlags.contains(.migratable) else {
            throw .invalidKeyUsage
        }
        try publicPart.checkParameters()
        var stored = StoredKey()
        stored.key = publicPart
        stored.sensitive = self.stored(payload: .asym, migrationAuth: tpmProof)
        stored.sensitive.usageAuth = ownerAuth
        return try stored.loaded()
    }
}

extension MGF1 {
    /// The mask that is made of the owner's secret (Part 3, 12.1 action 10).
    fileprivate static func mask(of secret: Secret, _ count: Int) throws(TPMResult) -> [UInt8] {
        do { return try generate(seed: secret, count: count) } catch { throw .fail }
    }
}
