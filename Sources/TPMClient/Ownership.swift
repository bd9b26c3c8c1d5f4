import TPMCrypto
import TPMWire

extension TPMClient {
    /// Makes the endorsement key of a TPM that has none (Part 3, 14.1).
    @discardableResult
    public func createEndorsementKey(bits: UInt32 = 2048) throws -> Pubkey {
        let antiReplay = try random.digest()
        let answer = try execute(
            CreateEndorsementKeyPair.self, .init(antiReplay: antiReplay, keyInfo: .endorsementKey(bits: bits)))
        return try checked(answer, antiReplay, .createEndorsementKeyPair)
    }

    /// The public endorsement key; once there is an owner, only for the owner (Part 3, 14.4 and 14.5).
    public func endorsementKey(owner: Secret? = nil) throws -> Pubkey {
        if let owner {
            return try execute(OwnerReadInternalPub.self, .init(keyHandle: .ek), authorizedBy: owner).publicPortion
        }
        let antiReplay = try random.digest()
        return try checked(try execute(ReadPubek.self, .init(antiReplay: antiReplay)), antiReplay, .readPubek)
    }

    /// The public storage root key, for the owner (Part 3, 14.5).
    public func storageRootKey(owner: Secret) throws -> Pubkey {
        try execute(OwnerReadInternalPub.self, .init(keyHandle: .srk), authorizedBy: owner).publicPortion
    }

    /// Takes ownership; the secrets travel encrypted with the endorsement key (Part 3, 6.1).
    ///
    /// - Returns: the public part of the new storage root key.
    @discardableResult
    public func takeOwnership(owner: Secret, srk: Secret = .wellKnown) throws -> Key {
        let pubek = try endorsementKey()
        guard let endorsementKey = try? RSAPublicKey(pubek) else { throw ClientError.badResponse(.readPubek) }
        let request = TakeOwnership.Request(
            encOwnerAuth: try endorsementKey.encryptOAEP(owner, random: random),
            encSrkAuth: try endorsementKey.encryptOAEP(srk, random: random), srkParams: .template(.storage))
        return try execute(TakeOwnership.self, request, authorizedBy: owner).srkPub
    }

    /// Removes the owner and all that hangs on it (Part 3, 6.2).
    public func clear(owner: Secret) throws { try execute(OwnerClear.self, .init(), authorizedBy: owner) }

    /// Removes the owner on the word of who is physically present (Part 3, 6.3).
    public func forceClear() throws { try execute(ForceClear.self, .init()) }

    /// Ends the lockout after wrong secrets (Part 3, 9.3).
    public func resetLock(owner: Secret) throws { try execute(ResetLockValue.self, .init(), authorizedBy: owner) }

    /// Changes the owner's secret (Part 3, 17.2).
    public func changeOwner(from old: Secret, to new: Secret) throws {
        try changeOwnerAuth(.owner, owner: old, to: new)
    }

    /// Changes the secret of the storage root key (Part 3, 17.2).
    public func changeStorageRootKey(to new: Secret, owner: Secret) throws {
        try changeOwnerAuth(.srk, owner: owner, to: new)
    }

    private func changeOwnerAuth(_ entity: EntityKind, owner: Secret, to new: Secret) throws {
        try withOSAP(.owner, secret: owner) { session in
            let request = ChangeAuthOwner.Request(
                newAuth: try session.hide(new), entityType: EntityType(kind: entity))
            _ = try execute(ChangeAuthOwner.self, request, session)
        }
    }

    /// The key of an answer whose checksum shows that it is fresh (Part 3, 14.1 action 9).
    private func checked(
        _ answer: CreateEndorsementKeyPair.Response, _ antiReplay: Digest, _ ordinal: Ordinal
    ) throws -> Pubkey {
        let expected = SHA1.hash(try answer.pubEndorsementKey.encoded(), antiReplay)
        guard expected == answer.checksum else { throw ClientError.notAuthentic(ordinal) }
        return answer.pubEndorsementKey
    }
}

extension KeyParms {
    /// What an endorsement key is made with.
    fileprivate static func endorsementKey(bits: UInt32) -> KeyParms {
        KeyParms(
            algorithmID: .rsa, encScheme: .rsaesOAEPSHA1MGF1, sigScheme: .none,
            parms: .rsa(RSAKeyParms(keyLength: bits, numPrimes: 2, exponent: [])))
    }
}
