import TPMCrypto
import TPMWire

/// The ephemeral key has a slot of its own like every loaded key; what else finds it there refuses its usage.
extension ChangeAuthAsymStart: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1.
        let identity = try execution.useKey(request.idHandle, at: execution.authorization.last)
        guard identity.key.keyUsage == .identity else { throw .invalidKeyUsage }
        // 2. to 6.
        let template = Key(
            form: .key11, keyUsage: .authChange, keyFlags: .isVolatile, authDataUsage: .never,
            algorithmParms: request.tempKey, pcrInfo: .none, pubKey: StorePubkey(), encData: [])
        try template.checkParameters()
        // 7. and 8.
        let none = Secret(count: Digest.byteCount)
        let key = try LoadedKey.generate(
            template, usageAuth: none, migrationAuth: none, from: execution.environment.keyPairs)
        let handle = try execution.state.keys.add(key, start: try execution.randomHandle())
        // 9. and 10.
        let info = key.certifyInfo(antiReplay: request.antiReplay)
        return Response(
            certifyInfo: info, sig: try identity.sign(SHA1.hash(try info.encoded())), ephHandle: handle,
            tempKey: key.key)
    }
}

extension ChangeAuthAsymFinish: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1.
        let parent = try execution.parentToChange(request.parentHandle)
        guard parent.isStorage else { throw .invalidKeyUsage }
        // 2. and 3.
        let kind = try AuthorizedEntity.checkKind(request.entityType)
        var entity = try AuthorizedEntity(kind, try parent.decrypt(request.encData))
        // 4.
        let ephemeral = try execution.key(request.ephHandle)
        guard ephemeral.key.keyUsage == .authChange else { throw .invalidKeyUsage }
        let new = try WireDecoder.decode(
            ChangeAuthValidate.self, from: try ephemeral.decrypt(request.encNewAuth), short: .invalidStructure)
        // 5. and 6. This is what proves the old secret, so that a wrong one counts as a failed authorization.
        try execution.authorize(
            by: request.newAuthLink, expected: HMAC.authenticate(key: entity.auth, new.newAuthSecret))
        // 7. and 8.
        entity.auth = new.newAuthSecret
        let outData = try parent.encrypt(try entity.encodedSecret(), random: execution.environment.random)
        // 9. and 10.
        let saltNonce = try execution.nonce()
        let changeProof = HMAC.authenticate(key: new.newAuthSecret, saltNonce, new.n1)
        // 11.
        execution.evict(request.ephHandle)
        return Response(outData: outData, saltNonce: saltNonce, changeProof: changeProof)
    }
}

extension Execution {
    /// The parent of an entity whose secret is to change. For the SRK the owner stands up, since its own secret is
    /// often known to all (Part 3, 27.4.2 description; Part 1, 13.6).
    fileprivate mutating func parentToChange(_ handle: KeyHandle) throws(TPMResult) -> LoadedKey {
        guard handle == .srk else { return try useKey(handle, at: authorization.last) }
        let srk = try ownership().srk
        try checkRelease(srk.key.pcrInfo.short)
        try authorizeOwner()
        return srk
    }
}
