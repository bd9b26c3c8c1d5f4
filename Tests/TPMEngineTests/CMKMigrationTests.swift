import TPMCrypto
import TPMTesting
import TPMWire
import Testing

@testable import TPMClient
@testable import TPMEngine

/// TPM_CMK_CreateBlob and TPM_CMK_ConvertMigration (Part 3, 11.9 and 11.10): a certified migration key moves from one
/// TPM to another with its authorities' consent and no other way.
@Suite struct CMKMigrationTests {
    /// Two TPMs, an authority whose both keys are on the list, and a key under it on the first TPM.
    private struct Scene {
        let first = OwnedTPM()
        let second = OwnedTPM.other()
        let authority: MigrationAuthority
        let authorities: MSAComposite
        let key: Key

        init(
            _ template: Key = OwnedTPM.template(.signing, bits: 1024, flags: [.migratable, .migrateAuthority])
        ) throws {
            authority = try MigrationAuthority()
            authorities = try MSAComposite([authority.encryptionKey, authority.signingKey])
            key = try first.client.createCertifiedKey(
                template, authorities: authorities,
                approval: try first.client.approve(authorities, owner: first.ownerAuth), auth: OwnedTPM.keyAuth,
                parentAuth: first.srkAuth)
        }

        /// The authority's consent to the second TPM's SRK, with a ticket of one of the TPMs.
        func approval(on tpm: OwnedTPM, _ change: (inout CMKAuth) -> Void = { _ in }) throws -> MigrationApproval {
            var consent = try authority.consent(to: second.srkPublic, for: key.pubkey)
            change(&consent)
            return try tpm.client.ticket(
                for: consent, signature: try authority.sign(consent), by: authority.signingKey, owner: tpm.ownerAuth)
        }

        /// The operands that move the key to where the authority approved.
        func createRequest(_ scheme: MigrateScheme = .restrictApprove) throws -> CMKCreateBlob.Request {
            let approval = try approval(on: first)
            let target = scheme == .restrictMigrate ? authority.encryptionKey : second.srkPublic
            return .init(
                parentHandle: .srk, migrationType: scheme, migrationKeyAuth: try first.leave(for: target, scheme),
                pubSourceKeyDigest: SHA1.hash(try key.pubkey.encoded()), msaList: authorities,
                restrictTicket: scheme == .restrictApprove ? try approval.restrictTicket.encoded() : [],
                sigTicket: scheme == .restrictApprove ? approval.sigTicket.bytes : [], encData: key.encData)
        }

        func code(_ request: CMKCreateBlob.Request) throws -> TPMResult? {
            first.code(CMKCreateBlob.self, request, try first.srkSession(continues: false))
        }

        /// What the first TPM makes of those operands.
        func blob() throws -> MigrationBlob {
            try first.client.execute(CMKCreateBlob.self, try createRequest(), authorizedBy: first.srkAuth)
        }

        /// The operands that take the key in.
        func convertRequest(_ blob: MigrationBlob) throws -> CMKConvertMigration.Request {
            let approval = try approval(on: second)
            var migrated = key
            migrated.encData = blob.outData
            return .init(
                parentHandle: .srk, restrictTicket: approval.restrictTicket, sigTicket: approval.sigTicket,
                migratedKey: migrated, msaList: authorities, random: blob.random)
        }

        func code(_ request: CMKConvertMigration.Request) throws -> TPMResult? {
            second.code(CMKConvertMigration.self, request, try second.srkSession(continues: false))
        }
    }

    @Test func theSharedChecksPass() throws {
        let scene = try Scene()
        try check(CMKCreateBlob.self, try scene.createRequest(), on: scene.first, try scene.first.srkSession())
        try check(
            CMKConvertMigration.self, try scene.convertRequest(try scene.blob()), on: scene.second,
            try scene.second.srkSession())
    }

    // MARK: Moving

    @Test(arguments: [KeyUsage.signing, .bind], [1024, 2048] as [UInt32])
    func aKeyMovesToWhereItsAuthorityApproved(_ usage: KeyUsage, _ bits: UInt32) throws {
        let scene = try Scene(OwnedTPM.template(usage, bits: bits, flags: [.migratable, .migrateAuthority]))
        var moved = scene.key
        moved.encData = try scene.second.client.execute(
            CMKConvertMigration.self, try scene.convertRequest(try scene.blob()), authorizedBy: scene.second.srkAuth
        ).outData
        #expect(try scene.second.works(moved))
        let (before, after) = (try scene.first.opened(scene.key.encData), try scene.second.opened(moved.encData))
        #expect(after.payload == .migrateExternal)
        #expect(after.usageAuth == before.usageAuth)
        #expect(after.pubDataDigest == before.pubDataDigest)
        #expect(after.privKey == before.privKey)
        // It is tied to the same authorities by the second TPM's own secret.
        let tie =
            [0x00, 0x33] + SHA1.hash(try scene.authorities.encoded()).bytes
            + SHA1.hash(try scene.key.pubkey.encoded()).bytes
        #expect(after.migrationAuth == Secret(HMAC.authenticate(key: scene.second.tpmProof, tie)))
    }

    @Test func aKeyMovesThroughItsAuthority() throws {
        let scene = try Scene()
        let blob = try scene.first.client.execute(
            CMKCreateBlob.self, try scene.createRequest(.restrictMigrate), authorizedBy: scene.first.srkAuth)
        // The authority sees no key, though it can encrypt the blob for another.
        let masked = try scene.authority.open(blob)
        #expect((try? OAEP.decode(masked))?.message.count != 93)
        let decoded = try OAEP.decode(Secret(zip(masked.bytes, blob.random).map { $0 ^ $1 }))
        let list = SHA1.hash(try scene.authorities.encoded())
        #expect(
            decoded.labelHash == Secret(SHA1.hash(list.bytes + SHA1.hash(try scene.key.pubkey.encoded()).bytes)))
        #expect(decoded.message.bytes.starts(with: [0x08] + OwnedTPM.keyAuth.bytes))
        let passed = try scene.authority.pass(blob, to: scene.second.srkPublic)
        let moved = try scene.second.client.convertCertified(
            passed, of: scene.key, authorities: scene.authorities, approval: try scene.approval(on: scene.second),
            parentAuth: scene.second.srkAuth)
        #expect(try scene.second.works(moved))
    }

    @Test func aKeyThatCameFromElsewhereMovesOn() throws {
        let scene = try Scene()
        var moved = scene.key
        moved.encData = try scene.second.client.execute(
            CMKConvertMigration.self, try scene.convertRequest(try scene.blob()), authorizedBy: scene.second.srkAuth
        ).outData
        let back = try scene.authority.consent(to: scene.first.srkPublic, for: scene.key.pubkey)
        let signature = try scene.authority.sign(back)
        func ticket(_ tpm: OwnedTPM) throws -> MigrationApproval {
            try tpm.client.ticket(
                for: back, signature: signature, by: scene.authority.signingKey, owner: tpm.ownerAuth)
        }
        let blob = try scene.second.client.certifiedMigrationBlob(
            of: moved, for: try scene.second.leave(for: scene.first.srkPublic, .restrictApprove),
            authorities: scene.authorities, approval: try ticket(scene.second), parentAuth: scene.second.srkAuth)
        let home = try scene.first.client.convertCertified(
            blob, of: moved, authorities: scene.authorities, approval: try ticket(scene.first),
            parentAuth: scene.first.srkAuth)
        #expect(try scene.first.works(home))
        #expect(try scene.first.opened(home.encData).payload == .migrateExternal)
    }

    @Test func itDoesNotMoveAsAnOrdinaryKey() throws {
        let scene = try Scene()
        let leave = try scene.first.leave(for: scene.second.srkPublic, .rewrap)
        #expect(
            scene.first.result {
                _ = try scene.first.client.rewrap(
                    scene.key, for: leave, migrationAuth: OwnedTPM.migrationAuth, parentAuth: scene.first.srkAuth)
            } == .badMigration)
        // Nor does the blob of a certified key become an ordinary one.
        let blob = try scene.blob()
        let request = ConvertMigrationBlob.Request(parentHandle: .srk, inData: blob.outData, random: blob.random)
        #expect(
            try scene.second.code(ConvertMigrationBlob.self, request, scene.second.srkSession()) == .badMigration)
    }

    // MARK: TPM_CMK_CreateBlob refuses

    private typealias CreateChange = (inout CMKCreateBlob.Request, Scene) throws -> Void

    @Test func everyWrongLeaveListTicketAndDestinationIsRefused() throws {
        let scene = try Scene()
        let changes: [(String, TPMResult, CreateChange)] = [
            ("as it should be", .success, { _, _ in }),
            ("another type than the leave's", .badMode, { request, _ in request.migrationType = .restrictMigrate }),
            ("a leave of nobody", .authFail, { request, _ in request.migrationKeyAuth.digest = .zero }),
            (
                "a leave of another owner", .authFail,
                { request, scene in
                    request.migrationKeyAuth = try scene.second.leave(for: scene.second.srkPublic, .restrictApprove)
                }
            ),
            (
                "a leave for an ordinary key", .badParameter,
                { request, scene in
                    request.migrationType = .migrate
                    request.migrationKeyAuth = try scene.first.leave(for: scene.second.srkPublic, .migrate)
                }
            ),
            (
                "an authority that is not the key's", .maAuthority,
                { request, _ in request.msaList.migAuthDigest.append(.zero) }
            ),
            ("fewer authorities", .maAuthority, { request, _ in request.msaList.migAuthDigest.removeLast() }),
            ("authorities in another order", .maAuthority, { request, _ in request.msaList.migAuthDigest.reverse() }),
            ("another key", .maAuthority, { request, _ in request.pubSourceKeyDigest = .zero }),
            ("no ticket", .badParamSize, { request, _ in request.restrictTicket = [] }),
            ("a ticket cut short", .badParamSize, { request, _ in request.restrictTicket.removeLast() }),
            ("a longer ticket", .badParamSize, { request, _ in request.restrictTicket.append(0) }),
            ("no signature", .badParamSize, { request, _ in request.sigTicket = [] }),
            ("a longer signature", .badParamSize, { request, _ in request.sigTicket.append(0) }),
            ("a wrong signature", .maTicketSignature, { request, _ in request.sigTicket[19] ^= 1 }),
            ("a changed ticket", .maTicketSignature, { request, _ in request.restrictTicket[25] ^= 1 }),
            (
                "the ticket of another TPM", .maTicketSignature,
                { request, scene in
                    request.sigTicket = try scene.approval(on: scene.second).sigTicket.bytes
                }
            ),
            (
                "the consent of somebody else", .maTicketSignature,
                { request, scene in
                    let consent = try scene.authority.consent(to: scene.second.srkPublic, for: scene.key.pubkey)
                    let stranger = try RSAPrivateKey(
                        primes: try TestKeyPairs(startingAt: 5).keyPair(bits: 1024, exponent: 65537))
                    var key = scene.authority.signingKey
                    key.pubKey.key = stranger.publicKey.modulus
                    let digest = SHA1.hash(try consent.encoded())
                    request.sigTicket = try scene.first.client.ticket(
                        for: consent, signature: try stranger.signPKCS1(block: digestInfo(digest)), by: key,
                        owner: scene.first.ownerAuth
                    ).sigTicket.bytes
                }
            ),
            (
                "consent to another destination", .maDestination,
                { request, scene in
                    let approval = try scene.approval(on: scene.first) { $0.destinationKeyDigest = .zero }
                    request.restrictTicket = try approval.restrictTicket.encoded()
                    request.sigTicket = approval.sigTicket.bytes
                }
            ),
            (
                "a leave for another destination", .maDestination,
                { request, scene in
                    request.migrationKeyAuth = try scene.first.leave(for: scene.first.srkPublic, .restrictApprove)
                }
            ),
            (
                "consent for another key", .maSource,
                { request, scene in
                    let approval = try scene.approval(on: scene.first) { $0.sourceKeyDigest = .zero }
                    request.restrictTicket = try approval.restrictTicket.encoded()
                    request.sigTicket = approval.sigTicket.bytes
                }
            ),
            (
                "an ordinary key", .invalidStructure,
                { request, scene in
                    request.encData = try scene.first.create(
                        OwnedTPM.template(.signing, bits: 512, flags: .migratable)
                    ).encData
                }
            ),
            ("no key", .decryptError, { request, _ in request.encData = [1, 2, 3] }),
        ]
        for (what, expected, change) in changes {
            var request = try scene.createRequest()
            try change(&request, scene)
            #expect(try scene.code(request) == expected, "\(what)")
        }
        #expect(scene.first.tpm.state.permanent.failedAuthorizations == 0)
    }

    @Test func directlyAKeyMovesToAnAuthorityOnly() throws {
        let scene = try Scene()
        let request = try scene.createRequest(.restrictMigrate)
        #expect(try scene.code(request) == .success)
        var other = request
        other.migrationKeyAuth = try scene.first.leave(for: scene.second.srkPublic, .restrictMigrate)
        #expect(try scene.code(other) == .maTicketSignature)
        // What the other scheme needs is not looked at.
        var more = request
        more.restrictTicket = [1]
        more.sigTicket = [2, 3]
        #expect(try scene.code(more) == .success)
    }

    @Test func theMigrationKeyOfAnAuthorityDoesNotSign() throws {
        let first = OwnedTPM()
        var signing = first.srkPublic
        signing.algorithmParms.sigScheme = .rsassaPKCS1v15SHA1
        let authorities = try MSAComposite([signing])
        let key = try first.client.createCertifiedKey(
            OwnedTPM.template(.signing, bits: 512, flags: [.migratable, .migrateAuthority]), authorities: authorities,
            approval: try first.client.approve(authorities, owner: first.ownerAuth), parentAuth: first.srkAuth)
        #expect(
            first.result {
                _ = try first.client.certifiedMigrationBlob(
                    of: key, for: try first.leave(for: signing, .restrictMigrate), authorities: authorities,
                    parentAuth: first.srkAuth)
            } == .inappropriateSig)
    }

    @Test(arguments: [OwnedTPM.template(.signing), OwnedTPM.template(.storage, flags: .migratable)])
    func theParentIsAStorageKeyThatCannotMigrate(_ template: Key) throws {
        let scene = try Scene()
        var create = try scene.createRequest()
        create.parentHandle = try scene.first.newKey(template)
        #expect(try scene.first.code(CMKCreateBlob.self, create, scene.first.keySession()) == .invalidKeyUsage)
        // The second TPM's parent has the blob encrypted for it.
        let parent = try scene.second.create(template)
        var blob = try scene.blob()
        let masked = try #require(scene.second.tpm.state.permanent.ownership?.srk.privateKey).decryptOAEP(blob.outData)
        blob.outData = try RSAPublicKey(parent.pubkey).encryptOAEP(masked)
        var convert = try scene.convertRequest(blob)
        convert.parentHandle = try scene.second.load(parent)
        #expect(
            try scene.second.code(CMKConvertMigration.self, convert, scene.second.keySession()) == .invalidKeyUsage)
    }

    // MARK: TPM_CMK_ConvertMigration refuses

    private typealias ConvertChange = (inout CMKConvertMigration.Request, Scene) throws -> Void

    @Test func everyWrongBlobListTicketAndKeyIsRefused() throws {
        let scene = try Scene()
        let blob = try scene.blob()
        func approved(_ change: @escaping (inout CMKAuth) -> Void) -> ConvertChange {
            { request, scene in
                let approval = try scene.approval(on: scene.second, change)
                request.restrictTicket = approval.restrictTicket
                request.sigTicket = approval.sigTicket
            }
        }
        let changes: [(String, TPMResult, ConvertChange)] = [
            ("as it should be", .success, { _, _ in }),
            ("a TPM_KEY", .invalidStructure, { request, _ in request.migratedKey.form = .key11 }),
            ("no blob", .decryptError, { request, _ in request.migratedKey.encData = [] }),
            ("a changed blob", .decryptError, { request, _ in request.migratedKey.encData[200] ^= 1 }),
            ("a changed mask", .decryptError, { request, _ in request.random[50] ^= 1 }),
            ("a shorter mask", .badParameter, { request, _ in request.random.removeLast() }),
            ("another authority", .authFail, { request, _ in request.msaList.migAuthDigest.append(.zero) }),
            ("another public key", .authFail, { request, _ in request.migratedKey.pubKey.key[9] ^= 1 }),
            (
                "another scheme", .authFail,
                { request, _ in request.migratedKey.algorithmParms.sigScheme = .rsassaPKCS1v15DER }
            ),
            ("a wrong signature", .maTicketSignature, { request, _ in request.sigTicket = .zero }),
            (
                "the ticket of another TPM", .maTicketSignature,
                { request, scene in request.sigTicket = try scene.approval(on: scene.first).sigTicket }
            ),
            (
                "a changed ticket", .maTicketSignature,
                { request, _ in request.restrictTicket.migrationAuthorityDigest = .zero }
            ),
            ("consent to another destination", .maDestination, approved { $0.destinationKeyDigest = .zero }),
            ("consent for another key", .maSource, approved { $0.sourceKeyDigest = .zero }),
            ("another usage", .invalidStructure, { request, _ in request.migratedKey.keyUsage = .legacy }),
            ("no certified key", .invalidStructure, { request, _ in request.migratedKey.keyFlags = .migratable }),
            ("other flags", .invalidStructure, { request, _ in request.migratedKey.keyFlags.insert(.isVolatile) }),
            ("no need of a secret", .invalidStructure, { request, _ in request.migratedKey.authDataUsage = .never }),
        ]
        for (what, expected, change) in changes {
            var request = try scene.convertRequest(blob)
            try change(&request, scene)
            #expect(try scene.code(request) == expected, "\(what)")
        }
        #expect(scene.second.tpm.state.permanent.failedAuthorizations == 0)
    }

    /// Whoever has an authority's consent may make blobs, but no key of them that is not what it says.
    @Test func aForgedBlobIsRefused() throws {
        let scene = try Scene()
        let inside = try scene.first.opened(scene.key.encData)
        let prime = [0, 0, 0, 64] + inside.privKey.key.bytes
        let label = Secret(
            SHA1.hash(
                SHA1.hash(try scene.authorities.encoded()).bytes + SHA1.hash(try scene.key.pubkey.encoded()).bytes))
        func code(
            payload: UInt8 = 8, digest: Digest? = nil, prime: [UInt8], key: Key? = nil
        ) throws -> TPMResult? {
            let blob = try forgedBlob(
                [payload] + OwnedTPM.keyAuth.bytes + (digest ?? inside.pubDataDigest).bytes + [0, 0, 0, 48]
                    + prime[20...], seed: Array(prime[..<20]), label: label, for: scene.second.srkPublic)
            var request = try scene.convertRequest(blob)
            if let key {
                request.migratedKey = key
                request.migratedKey.encData = blob.outData
            }
            return try scene.code(request)
        }
        #expect(try code(prime: prime) == .success)
        for payload in [1, 3, 4, 6, 7] as [UInt8] {
            #expect(try code(payload: payload, prime: prime) == .badMigration)
        }
        #expect(try code(digest: .zero, prime: prime) == .invalidStructure)
        var other = prime
        other[60] ^= 2
        #expect(try code(prime: other) == .badParameter)
        // A key with that private part which says that it is no certified one, or does not migrate.
        for flags in [[], .migratable, .migrateAuthority] as [KeyFlags] {
            var key = scene.key
            key.keyFlags = flags
            #expect(
                try code(digest: SHA1.hash(try key.publicPart()), prime: prime, key: key) == .invalidKeyUsage)
        }
    }
}
