import TPMCrypto
import TPMTesting
import TPMWire
import Testing

@testable import TPMClient
@testable import TPMEngine

/// TPM_ConvertMigrationBlob (Part 3, 11.2).
@Suite struct ConvertMigrationBlobTests {
    /// A key of `tpm` in a blob for its own SRK.
    private func blob(on tpm: OwnedTPM) throws -> (key: Key, blob: MigrationBlob) {
        let key = try tpm.create(OwnedTPM.template(.signing, bits: 1024, flags: .migratable))
        return (
            key,
            try tpm.client.migrationBlob(
                of: key, for: try tpm.leave(for: tpm.srkPublic, .migrate), migrationAuth: OwnedTPM.migrationAuth,
                parentAuth: tpm.srkAuth)
        )
    }

    private func code(_ blob: MigrationBlob, on tpm: OwnedTPM) throws -> TPMResult? {
        tpm.code(
            ConvertMigrationBlob.self, .init(parentHandle: .srk, inData: blob.outData, random: blob.random),
            try tpm.srkSession(continues: false))
    }

    @Test func theSharedChecksPass() throws {
        let tpm = OwnedTPM()
        let blob = try blob(on: tpm).blob
        try check(
            ConvertMigrationBlob.self, .init(parentHandle: .srk, inData: blob.outData, random: blob.random), on: tpm,
            try tpm.srkSession())
    }

    @Test func aParentThatNeedsNoSecretNeedsNoSession() throws {
        let tpm = OwnedTPM()
        let key = try tpm.create(OwnedTPM.template(.signing, bits: 1024, flags: .migratable))
        let parentBlob = try tpm.create(OwnedTPM.template(.storage, flags: .migratable, authDataUsage: .never))
        let blob = try tpm.client.migrationBlob(
            of: key, for: try tpm.leave(for: parentBlob.pubkey, .migrate), migrationAuth: OwnedTPM.migrationAuth,
            parentAuth: tpm.srkAuth)
        let parent = try tpm.load(parentBlob)
        let moved = try tpm.client.convert(blob, of: key, under: parent, parentAuth: nil)
        #expect(try tpm.works(moved, under: parent))
        #expect(
            tpm.code(ConvertMigrationBlob.self, .init(parentHandle: .srk, inData: blob.outData, random: blob.random))
                == .authFail)
    }

    @Test(arguments: [KeyUsage.signing, .bind, .legacy, .migrate])
    func theParentIsAStorageKey(_ usage: KeyUsage) throws {
        let tpm = OwnedTPM()
        let parent = try tpm.newKey(OwnedTPM.template(usage))
        let request = ConvertMigrationBlob.Request(parentHandle: parent, inData: [1], random: [1])
        #expect(tpm.code(ConvertMigrationBlob.self, request, try tpm.keySession()) == .invalidKeyUsage)
    }

    @Test func theMaskHasTheSizeOfWhatItMasks() throws {
        let tpm = OwnedTPM()
        let blob = try blob(on: tpm).blob
        for random in [[], Array(blob.random.dropLast()), blob.random + [0], [UInt8](repeating: 0, count: 3000)] {
            #expect(try code(MigrationBlob(random: random, outData: blob.outData), on: tpm) == .badParameter)
        }
    }

    @Test func anotherMaskOrBlobGivesNoKey() throws {
        let tpm = OwnedTPM()
        let (key, blob) = try blob(on: tpm)
        for index in blob.random.indices {
            var changed = blob
            changed.random[index] ^= 1
            #expect(try code(changed, on: tpm) == .decryptError)
        }
        for index in stride(from: 0, to: 256, by: 16) {
            var changed = blob
            changed.outData[index] ^= 1
            #expect(try code(changed, on: tpm) == .decryptError)
        }
        #expect(try tpm.works(try tpm.client.convert(blob, of: key, parentAuth: tpm.srkAuth)))
    }

    @Test func whatIsNoMigratingKeyIsRefused() throws {
        let tpm = OwnedTPM()
        let head = [UInt8](repeating: 0, count: 40)
        let part = [UInt8](repeating: 0x77, count: 112)
        for (message, seed, expected) in [
            ([], nil, TPMResult.invalidStructure), ([3], nil, .invalidStructure),
            ([99] + head + [0, 0, 0, 112] + part, nil, .invalidStructure),
            ([3] + head + [0, 0, 0, 111] + part, nil, .invalidStructure),
            ([3] + head + [0, 0, 0, 113] + part, nil, .invalidStructure),
            ([3] + head + [0xff, 0xff, 0xff, 0xff] + part, nil, .invalidStructure),
            // The private key's own size lies.
            ([3] + head + [0, 0, 0, 112] + part, [0, 0, 0, 127], .invalidStructure),
            ([3] + head + [0, 0, 0, 112] + part, [0xff, 0xff, 0xff, 0xff], .invalidStructure),
            ([8] + head + [0, 0, 0, 112] + part, nil, .badMigration),
            ([4] + head + [0, 0, 0, 112] + part, nil, .badMigration),
            ([1] + head + [0, 0, 0, 112] + part, nil, .badMigration),
            // Nothing says what the key is, which is for TPM_LoadKey2 to find out.
            ([3] + head + [0, 0, 0, 112] + part, nil, .success),
        ] as [([UInt8], [UInt8]?, TPMResult)] {
            let seed = (seed ?? [0, 0, 0, 128]) + [UInt8](repeating: 0x77, count: 16)
            let blob = try forgedBlob(message, seed: seed, for: tpm.srkPublic)
            #expect(try code(blob, on: tpm) == expected, "\(message.prefix(1)) \(seed.prefix(4))")
        }
    }

    @Test func aForgedKeyHasNoSecretsOfTheTPM() throws {
        let tpm = OwnedTPM()
        let pair = try TestKeyPairs(startingAt: 5).keyPair(bits: 1024, exponent: 65537)
        // It claims to be one that cannot migrate.
        var key = OwnedTPM.template(.signing, bits: 1024)
        key.pubKey.key = pair.modulus
        let digest = SHA1.hash(try key.publicPart()).bytes
        let prime = [0, 0, 0, 64] + pair.p.bytes
        let blob = try forgedBlob(
            [3] + OwnedTPM.keyAuth.bytes + digest + [0, 0, 0, 48] + prime[20...], seed: Array(prime[..<20]),
            for: tpm.srkPublic)
        let moved = try tpm.client.convert(blob, of: key, parentAuth: tpm.srkAuth)
        #expect(tpm.result { _ = try tpm.load(moved) } == .invalidKeyUsage)
    }
}

/// TPM_AuthorizeMigrationKey and TPM_MigrateKey (Part 3, 11.3 and 11.4).
@Suite struct MigrationKeyTests {
    @Test func theSharedChecksPass() throws {
        let tpm = OwnedTPM()
        try check(
            AuthorizeMigrationKey.self, .init(migrationScheme: .migrate, migrationKey: tpm.srkPublic), on: tpm,
            try tpm.ownerSession(), sizeErrors: [.badParamSize])
        let authority = try tpm.newKey(OwnedTPM.template(.migrate))
        let inData = try tpm.publicKey(authority).encryptOAEP(Secret([1, 2]))
        try check(
            MigrateKey.self, .init(maKeyHandle: authority, pubKey: tpm.srkPublic, inData: inData), on: tpm,
            try tpm.keySession(continues: true))
    }

    @Test(arguments: MigrateScheme.allCases) func theLeaveIsADigestWithTPMProof(_ scheme: MigrateScheme) throws {
        let tpm = OwnedTPM()
        let key = OwnedTPM.other().srkPublic
        let leave = try tpm.leave(for: key, scheme)
        #expect(leave.migrationKey == key)
        #expect(leave.migrationScheme == scheme)
        #expect(leave.digest == SHA1.hash(try key.encoded() + [0, UInt8(scheme.rawValue)] + tpm.tpmProof.bytes))
    }

    @Test func aMigrationKeyIsStrongAndEncrypts() throws {
        let tpm = OwnedTPM()
        func code(_ change: (inout Pubkey) -> Void) throws -> TPMResult? {
            var key = tpm.srkPublic
            change(&key)
            return tpm.code(
                AuthorizeMigrationKey.self, .init(migrationScheme: .migrate, migrationKey: key),
                try tpm.ownerSession(continues: false))
        }
        func rsa(_ bits: UInt32, primes: UInt32 = 2, exponent: [UInt8] = []) -> KeyParms.Parms {
            .rsa(RSAKeyParms(keyLength: bits, numPrimes: primes, exponent: exponent))
        }
        #expect(try code { _ in } == .success)
        #expect(try code { $0.algorithmParms.parms = rsa(2048, exponent: [1, 0, 1]) } == .success)
        #expect(
            try code {
                $0.algorithmParms.parms = rsa(4096)
                $0.pubKey.key += $0.pubKey.key
            } == .success)
        for change in [
            { $0.algorithmParms.parms = rsa(2048, exponent: [3]) },
            { $0.algorithmParms.parms = rsa(2048, exponent: [1, 0, 0, 0, 1]) },
            { $0.algorithmParms.parms = rsa(2048, primes: 3) },
            { $0.algorithmParms.parms = rsa(1024) },
            { $0.algorithmParms.parms = rsa(.max) },
            { $0.pubKey.key.removeLast() },
            { $0.pubKey.key = [] },
            { $0.pubKey.key[0] = 0 },
            { $0.pubKey.key[255] &= 0xfe },
            {
                $0.algorithmParms.parms = rsa(1024)
                $0.pubKey.key.removeLast(128)
            },
            { $0.algorithmParms = KeyParms(algorithmID: .sha, encScheme: .none, sigScheme: .none, parms: .none) },
        ] as [(inout Pubkey) -> Void] {
            #expect(try code(change) == .badKeyProperty)
        }
        #expect(try code { $0.algorithmParms.encScheme = .rsaesPKCSv15 } == .inappropriateEnc)
        #expect(try code { $0.algorithmParms.encScheme = .none } == .inappropriateEnc)
    }

    @Test func anAuthorityInATPMPassesAKeyOn() throws {
        let (first, authority, second) = (OwnedTPM(), OwnedTPM.other(), OwnedTPM.other())
        let key = try first.create(OwnedTPM.template(.bind, flags: .migratable))
        let authorityKey = try authority.create(OwnedTPM.template(.migrate))
        var blob = try first.client.migrationBlob(
            of: key, for: try first.leave(for: authorityKey.pubkey, .migrate), migrationAuth: OwnedTPM.migrationAuth,
            parentAuth: first.srkAuth)
        blob.outData = try authority.client.migrate(
            blob.outData, to: second.srkPublic, with: try authority.load(authorityKey), auth: OwnedTPM.keyAuth)
        #expect(try second.works(try second.client.convert(blob, of: key, parentAuth: second.srkAuth)))
    }

    @Test func theTargetNamesTheScheme() throws {
        let tpm = OwnedTPM()
        let authority = try tpm.newKey(OwnedTPM.template(.migrate, authDataUsage: .never))
        let inData = try tpm.publicKey(authority).encryptOAEP(Secret([1, 2]))
        let targetKey = try tpm.newKey(OwnedTPM.template(.bind, encScheme: .rsaesPKCSv15))
        let target = try #require(tpm.tpm.state.keys[targetKey])
        // Without a session, for a key that needs none.
        let passed = try tpm.client.migrate(inData, to: target.key.pubkey, with: authority, auth: nil)
        #expect(try target.privateKey.decryptPKCS1(passed) == Secret([1, 2]))
        var signing = target.key.pubkey
        signing.algorithmParms.encScheme = .none
        let request = MigrateKey.Request(maKeyHandle: authority, pubKey: signing, inData: inData)
        #expect(tpm.code(MigrateKey.self, request) == .inappropriateEnc)
    }

    @Test func whatDoesNotFitIsRefused() throws {
        let tpm = OwnedTPM()
        let authority = try tpm.newKey(OwnedTPM.template(.migrate))
        let small = try tpm.create(OwnedTPM.template(.bind, bits: 1024)).pubkey
        let inData = try tpm.publicKey(authority).encryptOAEP(Secret([1, 2]))
        func code(_ key: KeyHandle, _ target: Pubkey, _ data: [UInt8], _ auth: Secret) throws -> TPMResult? {
            tpm.code(
                MigrateKey.self, .init(maKeyHandle: key, pubKey: target, inData: data), try tpm.client.oiap(auth))
        }
        let srk = tpm.srkPublic
        #expect(try code(.srk, srk, inData, tpm.srkAuth) == .invalidKeyUsage)
        #expect(try code(authority, small, inData, OwnedTPM.keyAuth) == .badDataSize)
        var bad = srk
        bad.pubKey.key[255] &= 0xfe
        #expect(try code(authority, bad, inData, OwnedTPM.keyAuth) == .badKeyProperty)
        for data in [[], [1, 2, 3], inData + [0], [UInt8](repeating: 3, count: 256)] {
            #expect(try code(authority, srk, data, OwnedTPM.keyAuth) == .decryptError)
        }
        // The most that one block holds passes whole.
        let most = try tpm.publicKey(authority).encryptOAEP(Secret(count: 214))
        #expect(try code(authority, srk, most, OwnedTPM.keyAuth) == .success)
    }
}
