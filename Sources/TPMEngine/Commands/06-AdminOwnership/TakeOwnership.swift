import TPMCrypto
import TPMWire

extension TakeOwnership: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        let permanent = execution.state.permanent
        // 1. to 3.
        guard !permanent.hasOwner else { throw .ownerSet }
        guard permanent.flags.ownership else { throw .installDisabled }
        guard let endorsementKey = permanent.endorsementKey else { throw .noEndorsement }
        // 4.
        guard try execution.session(at: .first).binding == nil else { throw .authFail }
        // 5.
        guard request.protocolID == .owner else { throw .badParameter }
        // 6. and 7. The new owner proves to know the secret that arrived encrypted.
        let ownerAuth = try secret(request.encOwnerAuth, for: endorsementKey)
        try execution.authorize(.first, as: .owner, secret: ownerAuth)
        // 8.
        try check(request.srkParams, flags: permanent.flags)
        // 9. and 10.
        var template = request.srkParams
        try template.recordCreation(in: execution)
        let srkAuth = try secret(request.encSrkAuth, for: endorsementKey)
        // 11. to 18.
        return Response(
            srkPub: try execution.install(ownerAuth: ownerAuth, srkAuth: srkAuth, srkTemplate: template))
    }

    /// A secret that the caller encrypted for the endorsement key; 20 bytes, else TPM_BAD_KEY_PROPERTY.
    private static func secret(_ encrypted: [UInt8], for endorsementKey: LoadedKey) throws(TPMResult) -> Secret {
        let secret = try endorsementKey.decrypt(encrypted)
        guard secret.count == Digest.byteCount else { throw .badKeyProperty }
        return secret
    }

    private static func check(_ srk: Key, flags: PermanentFlags) throws(TPMResult) {
        guard srk.keyUsage == .storage, !srk.keyFlags.contains(.migratable) else { throw .invalidKeyUsage }
        let parms = srk.algorithmParms
        guard parms.algorithmID == .rsa, parms.encScheme == .rsaesOAEPSHA1MGF1, parms.sigScheme == .none,
            let rsa = parms.rsa, rsa.keyLength >= 2048, rsa.exponent.isEmpty
        else { throw .badKeyProperty }
        if flags.fips, srk.authDataUsage == .never { throw .notFIPS }
    }
}

extension Execution {
    /// Makes the SRK and the owner (Part 3, 6.1 actions 11 to 17); returns the public part of the SRK.
    mutating func install(ownerAuth: Secret, srkAuth: Secret, srkTemplate: Key) throws(TPMResult) -> Key {
        // 13. to 15. come first, since the SRK's migrationAuth is the new tpmProof (Part 2, 10.6).
        state.permanent.blobSecrets = nil
        let secrets = try blobSecrets()
        let srk = try LoadedKey.generate(
            srkTemplate, usageAuth: srkAuth, migrationAuth: secrets.tpmProof, from: environment.keyPairs)
        // 11. and 12.
        state.permanent.ownership = Ownership(
            ownerAuth: ownerAuth, srk: srk, delegateKey: try randomSecret(AES.blockSize))
        // 17.
        state.permanent.flags.readPubek = false
        return srk.key
    }
}
