import TPMCrypto
import TPMWire

/// A private key on its way to another TPM: a TPM_MIGRATE_ASYMKEY, whose OAEP encoding carries the key's first bytes as
/// its seed and a secret in place of its label's hash (Part 3, 11.1 action 6, 11.9 actions 11 to 13, 12.1 actions 4
/// to 8).
struct MigratingKey {
    var payload: PayloadType
    var usageAuth: Secret
    var pubDataDigest: Digest
    var privKey: StorePrivkey
    /// 20 bytes.
    var pHash: Secret

    /// As the encrypted part of a key's blob has it.
    init(_ key: StoreAsymkey, payload: PayloadType, pHash: Secret) {
        self.payload = payload
        usageAuth = key.usageAuth
        pubDataDigest = key.pubDataDigest
        privKey = key.privKey
        self.pHash = pHash
    }

    /// The encoding, o1: 198 bytes for a key of 2048 bits. TPM_BAD_DATASIZE for a private key that is shorter than a
    /// seed.
    func encoded() throws(TPMResult) -> Secret {
        let bytes = try privKey.encodedSecret()
        guard bytes.count >= Digest.byteCount else { throw .badDataSize }
        let migrating = MigrateAsymkey(
            payload: payload, usageAuth: usageAuth, pubDataDigest: pubDataDigest,
            partPrivKey: bytes.dropFirst(Digest.byteCount))
        do {
            return try OAEP.encode(
                try migrating.encodedSecret(), labelHash: pHash, seed: bytes.prefix(Digest.byteCount))
        } catch {
            throw .badDataSize
        }
    }

    /// Decodes an encoding of any size.
    ///
    /// TPM_DECRYPT_ERROR when it is none, TPM_INVALID_STRUCTURE when it holds no key, TPM_BAD_MIGRATION when that has
    /// another payload.
    init(_ encoded: Secret, payload: PayloadType) throws(TPMResult) {
        let decoded: OAEP.Decoded
        do { decoded = try OAEP.decode(encoded) } catch { throw .decryptError }
        let migrating = try WireDecoder.decode(MigrateAsymkey.self, from: decoded.message, short: .invalidStructure)
        guard migrating.payload == payload else { throw .badMigration }
        self.payload = payload
        usageAuth = migrating.usageAuth
        pubDataDigest = migrating.pubDataDigest
        privKey = try WireDecoder.decode(
            StorePrivkey.self, from: decoded.seed + migrating.partPrivKey, short: .invalidStructure)
        pHash = decoded.labelHash
    }

    /// The encrypted part of a blob that a storage key can load.
    func stored(payload: PayloadType, migrationAuth: Secret) -> StoreAsymkey {
        StoreAsymkey(
            payload: payload, usageAuth: usageAuth, migrationAuth: migrationAuth, pubDataDigest: pubDataDigest,
            privKey: privKey)
    }
}

extension Execution {
    /// The encoding under a random mask, encrypted for a migration key (Part 3, 11.1 action 6.c to 6.g).
    ///
    /// TPM_BAD_DATASIZE when the migration key is too small.
    func migrationBlob(_ key: MigratingKey, for migrationKey: RSAPublicKey) throws(TPMResult) -> MigrationBlob {
        let encoded = try key.encoded()
        let random = try randomBytes(encoded.count)
        guard let masked = encoded.xor(random) else { throw .fail }
        return MigrationBlob(
            random: random, outData: try migrationKey.encrypt(masked, random: environment.random))
    }
}

extension LoadedKey {
    /// What ``Execution/migrationBlob(_:for:)`` encrypted for this key (Part 3, 11.2 actions 3 to 5).
    ///
    /// TPM_BAD_PARAMETER for a mask of another size than what it masks, and what ``decrypt(_:)`` and
    /// ``MigratingKey/init(_:payload:)`` throw.
    func openMigrationBlob(_ data: [UInt8], random: [UInt8], payload: PayloadType) throws(TPMResult) -> MigratingKey {
        guard let encoded = try decrypt(data).xor(random) else { throw .badParameter }
        return try MigratingKey(encoded, payload: payload)
    }

    /// The encrypted part of a key below this one, opened for what needs no key in a slot. TPM_INVALID_STRUCTURE, and
    /// what ``decrypt(_:)`` throws.
    func openPrivatePart(_ encData: [UInt8]) throws(TPMResult) -> StoreAsymkey {
        try WireDecoder.decode(StoreAsymkey.self, from: try decrypt(encData), short: .invalidStructure)
    }
}
