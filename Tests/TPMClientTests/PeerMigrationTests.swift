import TPMClient
import TPMCrypto
import TPMWire
import Testing

/// Keys that move between this project's engine and another TPM 1.2.
extension PeerTests {
    func moves(_ peer: TPMClient) throws {
        let test = try TappedTPM.owned()
        for (first, second) in [(peer, test.client), (test.client, peer)] {
            for bits in [512, 1024, 2048] as [UInt32] { try move(bits: bits, from: first, to: second) }
            try moveCertified(from: first, to: second)
        }
        #expect(test.openSessions == 0)
    }

    private func move(bits: UInt32, from first: TPMClient, to second: TPMClient) throws {
        let migrationAuth = Secret(passphrase: Secret("moving"))
        let key = try first.createKey(
            .template(.signing, bits: bits, flags: .migratable), auth: auth, migrationAuth: migrationAuth,
            parentAuth: srk)
        let target = try second.storageRootKey(owner: owner)
        let direct = try first.authorizeMigrationKey(target, scheme: .rewrap, owner: owner)
        let moved = try first.rewrap(key, for: direct, migrationAuth: migrationAuth, parentAuth: srk)
        #expect(try works(moved, on: second))
        // Through an authority, which is the second TPM as well.
        let authority = try second.createKey(.template(.migrate), auth: auth, parentAuth: srk)
        let leave = try first.authorizeMigrationKey(authority.pubkey, scheme: .migrate, owner: owner)
        var blob = try first.migrationBlob(of: key, for: leave, migrationAuth: migrationAuth, parentAuth: srk)
        blob.outData = try second.withKey(authority, parentAuth: srk) {
            try second.migrate(blob.outData, to: target, with: $0, auth: auth)
        }
        #expect(try works(try second.convert(blob, of: key, parentAuth: srk), on: second))
    }

    private func moveCertified(from first: TPMClient, to second: TPMClient) throws {
        let pair = try RSAKeyGenerator.generate(bits: 1024, random: SeededRandom(seed: 4))
        let authority = Pubkey(
            algorithmParms: Key.template(.signing, bits: 1024).algorithmParms, pubKey: StorePubkey(key: pair.modulus))
        let authorities = try MSAComposite([authority])
        let key = try first.createCertifiedKey(
            .template(.signing, flags: [.migratable, .migrateAuthority]), authorities: authorities,
            approval: try first.approve(authorities, owner: owner), auth: auth, parentAuth: srk)
        let target = try second.storageRootKey(owner: owner)
        let consent = try CMKAuth(authority: authority, destination: target, source: key.pubkey)
        let signature = try RSAPrivateKey(primes: pair)
            .signPKCS1(block: DigestInfo.sha1(SHA1.hash(try consent.encoded())))
        let blob = try first.certifiedMigrationBlob(
            of: key, for: try first.authorizeMigrationKey(target, scheme: .restrictApprove, owner: owner),
            authorities: authorities,
            approval: try first.ticket(for: consent, signature: signature, by: authority, owner: owner),
            parentAuth: srk)
        let moved = try second.convertCertified(
            blob, of: key, authorities: authorities,
            approval: try second.ticket(for: consent, signature: signature, by: authority, owner: owner),
            parentAuth: srk)
        #expect(try works(moved, on: second))
    }

    private func works(_ key: Key, on tpm: TPMClient) throws -> Bool {
        let digest = SHA1.hash(Array("text".utf8))
        return try tpm.withKey(key, parentAuth: srk) {
            try RSAPublicKey(key.pubkey).verify(digest, signature: try tpm.sign(digest, with: $0, auth: auth))
        }
    }
}
