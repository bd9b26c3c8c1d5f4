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
        // 3., and 7.b. to 7.h. where they look at the public part, which costs no decryption.
        try blob.checkParameters()
        guard blob.keyUsage != .authChange else { throw .invalidKeyUsage }
        let isMigratable = blob.keyFlags.contains(.migratable)
        if blob.keyUsage == .identity, isMigratable { throw .invalidKeyUsage }
        try blob.checkFIPS(state.permanent.flags)
        // 5. and 6., and 7.a.: the prime has to divide the modulus.
        let key = try parent.unwrap(blob)
        guard key.payload == .asym || (key.payload == .migrateRestricted && isMigratable) else { throw .invalidStructure }
        // 7.d. A key that cannot migrate carries this TPM's proof.
        if !isMigratable {
            guard let tpmProof = state.permanent.blobSecrets?.tpmProof, key.migrationAuth == tpmProof else {
                throw .decryptError
            }
        }
        // 9. to 12.
        return try state.keys.add(key, start: try randomHandle())
    }
}

extension GetPubKey: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1., 2. and 4.
        let key = try execution.useKey(request.keyHandle, at: execution.authorization.last, isPublicRead: true)
        // 3.
        if request.keyHandle == .srk, !execution.state.permanent.flags.readSRKPub { throw .invalidKeyHandle }
        // 5.
        return Response(pubKey: key.key.pubkey)
    }
}
