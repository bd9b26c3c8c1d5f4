import TPMCrypto
import TPMWire

extension LoadKey2: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        Response(inkeyHandle: try execution.load(request.inKey, under: request.parentHandle))
    }
}

extension Execution {
    /// Opens a key blob and puts the key into a slot; TPM_LoadKey's actions are the same (Part 3, 10.5 and 27.8).
    mutating func load(_ blob: Key, under parentHandle: KeyHandle) throws(TPMResult) -> KeyHandle {
        // 1. and 2.
        let parent = try useKey(parentHandle, at: authorization.last)
        guard parent.isStorage else { throw .invalidKeyUsage }
        // 3. With it come 7.e., 7.g. and 7.h., which need nothing but the public part.
        try blob.checkParameters()
        // 5. and 6., and 7.a.: the prime has to divide the modulus.
        let key = try parent.unwrap(blob)
        guard [.asym, .migrateRestricted, .migrateExternal].contains(key.payload) else { throw .invalidStructure }
        // 7.b. and 7.c.
        if key.key.keyUsage == .identity, key.isMigratable { throw .invalidKeyUsage }
        guard key.key.keyUsage != .authChange else { throw .invalidKeyUsage }
        // 7.d. A key that cannot migrate carries this TPM's proof.
        if !key.isMigratable {
            guard let tpmProof = state.permanent.blobSecrets?.tpmProof, key.migrationAuth == tpmProof else {
                throw .invalidKeyUsage
            }
        }
        // 7.f.
        try blob.checkFIPS(state.permanent.flags)
        // 9. to 12.
        return try state.keys.add(key, start: try randomHandle())
    }
}

extension GetPubKey: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. and 2.
        let key = try execution.keyToRead(request.keyHandle, at: execution.authorization.last)
        // 3.
        if request.keyHandle == .srk, !execution.state.permanent.flags.readSRKPub { throw .invalidKeyHandle }
        // 4.
        try execution.checkPublicRead(key)
        // 5.
        return Response(pubKey: key.key.pubkey)
    }
}
