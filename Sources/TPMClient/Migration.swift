import TPMCrypto
import TPMWire

/// Moving keys that TPM_CreateWrapKey made migratable to another parent or another TPM (Part 3, 11).
///
/// Directly: the first owner allows the second TPM's storage key with ``authorizeMigrationKey(_:scheme:owner:)`` and
/// `.rewrap`; ``rewrap(_:for:migrationAuth:under:parentAuth:)`` returns a blob that loads there. Through an authority:
/// with `.migrate`, ``migrationBlob(of:for:migrationAuth:under:parentAuth:)`` encrypts for the authority, which passes
/// on what it cannot read with ``migrate(_:to:with:auth:)``; the second TPM makes a key of it with
/// ``convert(_:of:under:parentAuth:)``.
extension TPMClient {
    /// The owner's leave to move keys under a public key, with one scheme (Part 3, 11.3).
    ///
    /// - Parameter key: of 2048 bits or more, for OAEP.
    public func authorizeMigrationKey(
        _ key: Pubkey, scheme: MigrateScheme, owner: Secret
    ) throws -> MigrationKeyAuth {
        try execute(
            AuthorizeMigrationKey.self, .init(migrationScheme: scheme, migrationKey: key), authorizedBy: owner
        ).outData
    }

    /// The key as a child of the storage key that the owner allowed for `.rewrap` (Part 3, 11.1).
    public func rewrap(
        _ key: Key, for target: MigrationKeyAuth, migrationAuth: Secret, under parent: KeyHandle = .srk,
        parentAuth: Secret = .wellKnown
    ) throws -> Key {
        var moved = key
        moved.encData = try createMigrationBlob(
            key, .rewrap, target, migrationAuth: migrationAuth, under: parent, parentAuth: parentAuth
        ).outData
        return moved
    }

    /// The private part of a key for the authority that the owner allowed for `.migrate`, under a mask that the
    /// authority must not see (Part 3, 11.1).
    public func migrationBlob(
        of key: Key, for authority: MigrationKeyAuth, migrationAuth: Secret, under parent: KeyHandle = .srk,
        parentAuth: Secret = .wellKnown
    ) throws -> MigrationBlob {
        try createMigrationBlob(
            key, .migrate, authority, migrationAuth: migrationAuth, under: parent, parentAuth: parentAuth)
    }

    /// What an authority does: takes a blob's outData, encrypted for its key, and encrypts it for another (Part 3,
    /// 11.4).
    ///
    /// - Parameter authority: a loaded key of TPM_KEY_MIGRATE.
    public func migrate(
        _ outData: [UInt8], to key: Pubkey, with authority: KeyHandle, auth: Secret? = .wellKnown
    ) throws -> [UInt8] {
        let request = MigrateKey.Request(maKeyHandle: authority, pubKey: key, inData: outData)
        return try execute(MigrateKey.self, request, authorizedBy: auth).outData
    }

    /// The key as a child of the storage key for which the blob was encrypted at last (Part 3, 11.2).
    ///
    /// - Parameter key: the blob that moves, of which the public part counts.
    public func convert(
        _ blob: MigrationBlob, of key: Key, under parent: KeyHandle = .srk, parentAuth: Secret? = .wellKnown
    ) throws -> Key {
        let request = ConvertMigrationBlob.Request(parentHandle: parent, inData: blob.outData, random: blob.random)
        var moved = key
        moved.encData = try execute(ConvertMigrationBlob.self, request, authorizedBy: parentAuth).outData
        return moved
    }

    private func createMigrationBlob(
        _ key: Key, _ scheme: MigrateScheme, _ target: MigrationKeyAuth, migrationAuth: Secret,
        under parent: KeyHandle, parentAuth: Secret
    ) throws -> MigrationBlob {
        let request = CreateMigrationBlob.Request(
            parentHandle: parent, migrationType: scheme, migrationKeyAuth: target, encData: key.encData)
        return try withOIAP(parentAuth) { parent in
            try withOIAP(migrationAuth) { try execute(CreateMigrationBlob.self, request, parent, $0) }
        }
    }
}
