import TPMCrypto
import TPMWire

extension CreateEndorsementKeyPair: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. to 8., 9. and 10.
        let pubek = try execution.createPermanentEndorsementKey(request.keyInfo)
        return Response(pubEndorsementKey: pubek, checksum: try checksum(pubek, request.antiReplay))
    }

    /// SHA-1 of the key and the caller's nonce (Part 3, 14.1 action 4).
    static func checksum(_ pubek: Pubkey, _ antiReplay: Digest) throws(TPMResult) -> Digest {
        SHA1.hash(try pubek.encoded(), antiReplay)
    }
}

extension CreateRevocableEK: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. and 2.
        let pubek = try execution.createEndorsementKey(request.keyInfo)
        execution.state.permanent.flags.cekpUsed = true
        // 3.
        execution.state.permanent.flags.enableRevokeEK = true
        let ekReset = request.generateReset ? try execution.randomSecret() : request.inputEKreset
        execution.state.permanent.ekReset = ekReset
        // 4.
        return Response(
            pubEndorsementKey: pubek, checksum: try CreateEndorsementKeyPair.checksum(pubek, request.antiReplay),
            outputEKreset: ekReset)
    }
}

extension RevokeTrust: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. to 3.
        guard execution.state.permanent.flags.enableRevokeEK else { throw .permanentEK }
        guard let ekReset = execution.state.permanent.ekReset, ekReset == request.ekReset else { throw .authFail }
        try execution.requirePhysicalPresence()
        // 4.
        execution.clearOwner()
        execution.state.permanent.nv.removePermanentAreas()
        execution.state.permanent.flags.nvLocked = false
        // 5. to 8.
        execution.state.permanent.daa = nil
        execution.state.permanent.endorsementKey = nil
        execution.state.permanent.ekReset = nil
        return Response()
    }
}

extension ReadPubek: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. to 4.
        guard execution.state.permanent.flags.readPubek else { throw .disabledCmd }
        guard let pubek = execution.state.permanent.endorsementKey?.key.pubkey else { throw .noEndorsement }
        return Response(
            pubEndorsementKey: pubek, checksum: try CreateEndorsementKeyPair.checksum(pubek, request.antiReplay))
    }
}

extension OwnerReadInternalPub: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1.
        try execution.authorizeOwner()
        switch request.keyHandle {
        case .ek:
            // 2.
            guard let pubek = execution.state.permanent.endorsementKey?.key.pubkey else { throw .noEndorsement }
            return Response(publicPortion: pubek)
        case .srk:
            // 3.
            return Response(publicPortion: try execution.ownership().srk.key.pubkey)
        default:
            // 4.
            throw .badParameter
        }
    }
}

extension Execution {
    /// Makes an endorsement key that nobody can revoke (Part 3, 14.1).
    mutating func createPermanentEndorsementKey(_ keyInfo: KeyParms) throws(TPMResult) -> Pubkey {
        let pubek = try createEndorsementKey(keyInfo)
        state.permanent.flags.cekpUsed = true
        state.permanent.flags.enableRevokeEK = false
        return pubek
    }

    /// Makes the endorsement key and the DAA secrets that belong to it (Part 3, 14.1 actions 1 to 8).
    fileprivate mutating func createEndorsementKey(_ keyInfo: KeyParms) throws(TPMResult) -> Pubkey {
        guard state.permanent.endorsementKey == nil else { throw .disabledCmd }
        guard try keyInfo.rsaSize().bits >= 2048 else { throw .badKeyProperty }
        // 2.c. Its schemes do not matter; 3. names the one and leaves no room for the other.
        var parms = keyInfo
        parms.encScheme = .rsaesOAEPSHA1MGF1
        parms.sigScheme = .none
        let template = Key(
            form: .key11, keyUsage: .storage, keyFlags: [], authDataUsage: .always, algorithmParms: parms,
            pcrInfo: .none, pubKey: StorePubkey(), encData: [])
        let none = Secret(count: Digest.byteCount)
        let key = try LoadedKey.generate(
            template, usageAuth: none, migrationAuth: none, from: environment.keyPairs)
        state.permanent.endorsementKey = key
        state.permanent.daa = try newDAASecrets()
        return key.key.pubkey
    }

    /// New DAA secrets (Part 3, 14.1 actions 6 to 8).
    func newDAASecrets() throws(TPMResult) -> DAASecrets {
        DAASecrets(
            tpmDAASeed: try randomSecret(), daaProof: try randomSecret(),
            daaBlobKey: try randomSecret(AES.blockSize))
    }
}
