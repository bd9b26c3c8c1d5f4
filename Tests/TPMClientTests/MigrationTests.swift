import TPMClient
import TPMCrypto
import TPMEngine
import TPMWire
import Testing

/// The client's calls that move keys, from one engine to another.
@Suite struct MigrationTests {
    private let owner = TappedTPM.owner
    private let srk = TappedTPM.srk
    private let auth = Secret(passphrase: Secret("key"))
    private let migrationAuth = Secret(passphrase: Secret("moving"))
    private let digest = SHA1.hash(Array("text".utf8))

    /// The second shares no key with the first.
    private func two() throws -> (first: TappedTPM, second: TappedTPM) {
        (try TappedTPM.owned(), try TappedTPM(.owned, seed: "another TPM"))
    }

    private func signs(_ key: Key, on test: TappedTPM, under parent: KeyHandle = .srk) throws -> Bool {
        try test.client.withKey(key, under: parent, parentAuth: srk) {
            try RSAPublicKey(key.pubkey).verify(digest, signature: try test.client.sign(digest, with: $0, auth: auth))
        }
    }

    @Test func `A key moves at once`() throws {
        let (first, second) = try two()
        let key = try first.client.createKey(
            .template(.signing, bits: 1024, flags: .migratable), auth: auth, migrationAuth: migrationAuth,
            parentAuth: srk)
        let target = try first.client.authorizeMigrationKey(
            try second.client.storageRootKey(owner: owner), scheme: .rewrap, owner: owner)
        let moved = try first.client.rewrap(key, for: target, migrationAuth: migrationAuth, parentAuth: srk)
        #expect(moved.encData != key.encData)
        #expect(try signs(moved, on: second))
        #expect(try signs(key, on: first))
        #expect(clientError { try second.client.load(key, parentAuth: srk) }?.result == .decryptError)
        #expect(
            clientError {
                try first.client.rewrap(key, for: target, migrationAuth: auth, parentAuth: srk)
            }?.result == .auth2Fail)
        #expect(first.openSessions == 0)
        #expect(second.openSessions == 0)
    }

    @Test func `A key moves through an authority that cannot read it`() throws {
        let (first, second) = try two()
        let key = try first.client.createKey(
            .template(.signing, bits: 1024, flags: .migratable), auth: auth, migrationAuth: migrationAuth,
            parentAuth: srk)
        let authority = try second.client.createKey(.template(.migrate), auth: auth, parentAuth: srk)
        let leave = try first.client.authorizeMigrationKey(authority.pubkey, scheme: .migrate, owner: owner)
        var blob = try first.client.migrationBlob(of: key, for: leave, migrationAuth: migrationAuth, parentAuth: srk)
        let target = try second.client.storageRootKey(owner: owner)
        blob.outData = try second.client.withKey(authority, parentAuth: srk) {
            try second.client.migrate(blob.outData, to: target, with: $0, auth: auth)
        }
        let moved = try second.client.convert(blob, of: key, parentAuth: srk)
        #expect(try signs(moved, on: second))
        #expect(first.openSessions == 0)
        #expect(second.openSessions == 0)
    }

    @Test func `A certified key moves where its authority signed for`() throws {
        let (first, second) = try two()
        let pair = try RSAKeyGenerator.generate(bits: 512, random: SeededRandom(seed: 4))
        let authority = Pubkey(
            algorithmParms: Key.template(.signing, bits: 512).algorithmParms, pubKey: StorePubkey(key: pair.modulus))
        let authorities = try MSAComposite([authority])
        let key = try first.client.createCertifiedKey(
            .template(.signing, bits: 1024, flags: [.migratable, .migrateAuthority]), authorities: authorities,
            approval: try first.client.approve(authorities, owner: owner), auth: auth, parentAuth: srk)
        #expect(try signs(key, on: first))
        let target = try second.client.storageRootKey(owner: owner)
        let consent = try CMKAuth(authority: authority, destination: target, source: key.pubkey)
        let signature = try RSAPrivateKey(primes: pair)
            .signPKCS1(block: DigestInfo.sha1(SHA1.hash(try consent.encoded())))
        let approval = try first.client.ticket(for: consent, signature: signature, by: authority, owner: owner)
        let leave = try first.client.authorizeMigrationKey(target, scheme: .restrictApprove, owner: owner)
        let blob = try first.client.certifiedMigrationBlob(
            of: key, for: leave, authorities: authorities, approval: approval, parentAuth: srk)
        // A ticket is good for the TPM that gave it.
        #expect(
            clientError {
                try second.client.convertCertified(
                    blob, of: key, authorities: authorities, approval: approval, parentAuth: srk)
            }?.result == .maTicketSignature)
        let moved = try second.client.convertCertified(
            blob, of: key, authorities: authorities,
            approval: try second.client.ticket(for: consent, signature: signature, by: authority, owner: owner),
            parentAuth: srk)
        #expect(try signs(moved, on: second))
        #expect(first.openSessions == 0)
        #expect(second.openSessions == 0)
    }
}
