import TPMCrypto
import TPMWire
import Testing

@testable import TPMClient
@testable import TPMEngine

/// TPM_CreateMigrationBlob (Part 3, 11.1).
@Suite struct CreateMigrationBlobTests {
    private static let migratable = OwnedTPM.template(.signing, bits: 1024, flags: .migratable)

    private func request(
        _ encData: [UInt8], _ leave: MigrationKeyAuth, type: MigrateScheme? = nil, parent: KeyHandle = .srk
    ) -> CreateMigrationBlob.Request {
        .init(
            parentHandle: parent, migrationType: type ?? leave.migrationScheme, migrationKeyAuth: leave,
            encData: encData)
    }

    private func code(_ request: CreateMigrationBlob.Request, on tpm: OwnedTPM) throws -> TPMResult? {
        try tpm.code(
            CreateMigrationBlob.self, request, tpm.srkSession(), tpm.client.oiap(OwnedTPM.migrationAuth))
    }

    @Test(arguments: [MigrateScheme.migrate, .rewrap]) func theSharedChecksPass(_ scheme: MigrateScheme) throws {
        let tpm = OwnedTPM()
        let key = try tpm.create(Self.migratable)
        try check(
            CreateMigrationBlob.self, request(key.encData, try tpm.leave(for: tpm.srkPublic, scheme)), on: tpm,
            try tpm.srkSession(), try tpm.client.oiap(OwnedTPM.migrationAuth, continues: true))
    }

    // MARK: Moving

    @Test(arguments: [KeyUsage.signing, .bind], [512, 1024, 2048] as [UInt32])
    func aKeyIsWrappedForAnotherTPM(_ usage: KeyUsage, _ bits: UInt32) throws {
        let (first, second) = (OwnedTPM(), OwnedTPM.other())
        let key = try first.create(OwnedTPM.template(usage, bits: bits, flags: .migratable))
        let leave = try first.leave(for: second.srkPublic, .rewrap)
        let moved = try first.client.rewrap(
            key, for: leave, migrationAuth: OwnedTPM.migrationAuth, parentAuth: first.srkAuth)
        // The contents are the same, and both TPMs have the key now.
        #expect(try second.opened(moved.encData) == first.opened(key.encData))
        #expect(try first.works(key))
        guard bits > 512 || usage == .signing else { return }
        #expect(try second.works(moved))
    }

    @Test(arguments: [KeyUsage.signing, .bind], [512, 1024, 2048] as [UInt32])
    func aKeyPassesAnAuthorityThatCannotReadIt(_ usage: KeyUsage, _ bits: UInt32) throws {
        let (first, second) = (OwnedTPM(), OwnedTPM.other())
        let authority = try MigrationAuthority()
        let key = try first.create(OwnedTPM.template(usage, bits: bits, flags: .migratable))
        let blob = try first.client.migrationBlob(
            of: key, for: try first.leave(for: authority.encryptionKey, .migrate),
            migrationAuth: OwnedTPM.migrationAuth, parentAuth: first.srkAuth)
        let moved = try second.client.convert(
            try authority.pass(blob, to: second.srkPublic), of: key, parentAuth: second.srkAuth)
        #expect(try second.opened(moved.encData) == first.opened(key.encData))
        guard bits > 512 || usage == .signing else { return }
        #expect(try second.works(moved))
    }

    @Test func theAuthoritySeesAMaskedEncodingOfTheKey() throws {
        let tpm = OwnedTPM()
        let authority = try MigrationAuthority()
        let key = try tpm.create(OwnedTPM.template(.signing, flags: .migratable))
        let blob = try tpm.client.migrationBlob(
            of: key, for: try tpm.leave(for: authority.encryptionKey, .migrate),
            migrationAuth: OwnedTPM.migrationAuth, parentAuth: tpm.srkAuth)
        let inside = try tpm.opened(key.encData)
        let masked = try authority.open(blob)
        #expect(blob.random.count == 198)
        #expect(masked.count == 198)
        #expect((try? OAEP.decode(masked))?.message.count != 157)
        let decoded = try OAEP.decode(Secret(zip(masked.bytes, blob.random).map { $0 ^ $1 }))
        #expect(decoded.labelHash == OwnedTPM.migrationAuth)
        // The private key's size and first 16 bytes are the seed, the other 112 stand in the message.
        let prime = inside.privKey.key.bytes
        #expect(decoded.seed.bytes == [0, 0, 0, 128] + prime[..<16])
        #expect(
            decoded.message.bytes
                == [0x03] + OwnedTPM.keyAuth.bytes + inside.pubDataDigest.bytes + [0, 0, 0, 112] + prime[16...])
    }

    @Test func everyBlobHasAMaskOfItsOwn() throws {
        let tpm = OwnedTPM()
        let key = try tpm.create(Self.migratable)
        let leave = try tpm.leave(for: tpm.srkPublic, .migrate)
        let blobs = try (0..<2).map { _ in
            try tpm.client.migrationBlob(
                of: key, for: leave, migrationAuth: OwnedTPM.migrationAuth, parentAuth: tpm.srkAuth)
        }
        #expect(blobs[0].random != blobs[1].random)
    }

    @Test func aWholeBranchMovesWithItsStorageKey() throws {
        let (first, second) = (OwnedTPM(), OwnedTPM.other())
        let parentBlob = try first.create(OwnedTPM.template(.storage, flags: .migratable))
        let parent = try first.load(parentBlob)
        let child = try first.client.createKey(
            Self.migratable, auth: OwnedTPM.keyAuth, migrationAuth: OwnedTPM.migrationAuth, under: parent,
            parentAuth: OwnedTPM.keyAuth)
        let leave = try first.leave(for: second.srkPublic, .rewrap)
        let moved = try first.client.rewrap(
            parentBlob, for: leave, migrationAuth: OwnedTPM.migrationAuth, parentAuth: first.srkAuth)
        let handle = try second.load(moved)
        #expect(try second.works(child, under: handle))
        // The child alone, from below the migratable parent.
        let alone = try first.client.rewrap(
            child, for: leave, migrationAuth: OwnedTPM.migrationAuth, under: parent, parentAuth: OwnedTPM.keyAuth)
        #expect(try second.works(alone))
    }

    @Test func aKeyThatIsBoundToPCRsMovesWhateverTheyAre() throws {
        let tpm = OwnedTPM()
        let key = try tpm.create(
            OwnedTPM.template(.signing, bits: 512, flags: .migratable, pcrInfo: .long(tpm.pcrInfoLong(3))))
        try tpm.extend(3)
        #expect(try code(request(key.encData, try tpm.leave(for: tpm.srkPublic, .rewrap)), on: tpm) == .success)
    }

    // MARK: Authorization

    @Test func aKeyThatCannotMigrateHasASecretThatNobodyKnows() throws {
        let tpm = OwnedTPM()
        let key = try tpm.create(OwnedTPM.template(.signing, bits: 512))
        #expect(try code(request(key.encData, try tpm.leave(for: tpm.srkPublic, .rewrap)), on: tpm) == .auth2Fail)
        #expect(tpm.tpm.state.permanent.failedAuthorizations == 1)
    }

    @Test func theSecondSessionIsNotBoundToAnEntity() throws {
        let tpm = OwnedTPM()
        let key = try tpm.create(Self.migratable)
        let request = request(key.encData, try tpm.leave(for: tpm.srkPublic, .migrate))
        #expect(
            try tpm.code(CreateMigrationBlob.self, request, tpm.srkSession(), tpm.srkOSAP()) == .badMode)
    }

    @Test func onlyALeaveOfThisTPMsOwnerForThisKeyAndSchemeCounts() throws {
        let (tpm, second) = (OwnedTPM(), OwnedTPM.other())
        let key = try tpm.create(Self.migratable).encData
        let leave = try tpm.leave(for: second.srkPublic, .rewrap)
        var forged = [try second.leave(for: second.srkPublic, .rewrap)]
        for change in [
            { $0.digest = .zero }, { $0.migrationScheme = .migrate }, { $0.migrationKey = tpm.srkPublic },
            { $0.migrationKey.algorithmParms.encScheme = .rsaesPKCSv15 },
        ] as [(inout MigrationKeyAuth) -> Void] {
            var copy = leave
            change(&copy)
            forged.append(copy)
        }
        for leave in forged { #expect(try code(request(key, leave), on: tpm) == .authFail) }
        // That is no failed authorization.
        #expect(tpm.tpm.state.permanent.failedAuthorizations == 0)
        #expect(try code(request(key, leave), on: tpm) == .success)
        try tpm.changeOwner()
        let again = try tpm.create(Self.migratable).encData
        #expect(try code(request(again, leave), on: tpm) == .authFail)
    }

    @Test(arguments: MigrateScheme.allCases, MigrateScheme.allCases)
    func aLeaveIsForOneScheme(_ allowed: MigrateScheme, _ type: MigrateScheme) throws {
        let tpm = OwnedTPM()
        let key = try tpm.create(Self.migratable)
        let request = request(key.encData, try tpm.leave(for: tpm.srkPublic, allowed), type: type)
        let isOne = allowed == type && (type == .migrate || type == .rewrap)
        #expect(try code(request, on: tpm) == (isOne ? .success : .badParameter))
    }

    // MARK: What does not fit

    @Test(arguments: [KeyUsage.signing, .bind, .legacy, .migrate])
    func theParentIsAStorageKey(_ usage: KeyUsage) throws {
        let tpm = OwnedTPM()
        let parent = try tpm.newKey(OwnedTPM.template(usage))
        let key = try tpm.create(Self.migratable)
        let request = request(key.encData, try tpm.leave(for: tpm.srkPublic, .migrate), parent: parent)
        #expect(
            try tpm.code(
                CreateMigrationBlob.self, request, tpm.keySession(), tpm.client.oiap(OwnedTPM.migrationAuth))
                == .invalidKeyUsage)
    }

    @Test func whatIsNoPrivatePartIsRefused() throws {
        let tpm = OwnedTPM()
        let srk = try tpm.publicKey(.srk)
        let leave = try tpm.leave(for: tpm.srkPublic, .migrate)
        for (encData, expected) in [
            ([], TPMResult.decryptError), ([1], .decryptError), ([UInt8](repeating: 0xff, count: 256), .decryptError),
            (try srk.encryptOAEP(Secret([1, 2, 3])), .invalidStructure),
            (try srk.encryptOAEP(Secret([99] + [UInt8](repeating: 0, count: 64))), .invalidStructure),
            (
                try srk.encryptOAEP(Secret([1] + [UInt8](repeating: 0, count: 60) + [0xff, 0xff, 0xff, 0xff])),
                .invalidStructure
            ),
        ] {
            #expect(try code(request(encData, leave), on: tpm) == expected)
        }
    }

    @Test(arguments: PayloadType.allCases) func onlyAnOrdinaryKeyGoesThisWay(_ payload: PayloadType) throws {
        let tpm = OwnedTPM()
        let key = try tpm.wrapped(
            Self.migratable, modulus: [1], prime: [UInt8](repeating: 3, count: 64), payload: payload)
        for scheme in [MigrateScheme.migrate, .rewrap] {
            #expect(
                try code(request(key.encData, try tpm.leave(for: tpm.srkPublic, scheme)), on: tpm)
                    == (payload == .asym ? .success : .badMigration))
        }
    }

    /// The seed takes 16 bytes of the prime, and the block of a 2048-bit key at most 144.
    @Test(arguments: [(0, false), (15, false), (16, true), (144, true), (145, false), (149, false)])
    func aPrivateKeyOfAnOddSizeIsBadDataSize(_ count: Int, _ fits: Bool) throws {
        let tpm = OwnedTPM()
        let key = try tpm.wrapped(Self.migratable, modulus: [1], prime: [UInt8](repeating: 3, count: count))
        let leave = try tpm.leave(for: tpm.srkPublic, .migrate)
        #expect(try code(request(key.encData, leave), on: tpm) == (fits ? .success : .badDataSize))
    }
}
