import TPMCrypto
import TPMTesting
import TPMWire
import Testing

@testable import TPMClient
@testable import TPMEngine

/// The manufacturer, who holds the private half of the maintenance key.
private struct Manufacturer {
    let key: RSAPrivateKey
    let publicKey: Pubkey

    init() throws {
        key = try RSAPrivateKey(primes: try TestKeyPairs(startingAt: 5).keyPair(bits: 2048, exponent: 65537))
        publicKey = Pubkey(
            algorithmParms: OwnedTPM.template(.storage).algorithmParms,
            pubKey: StorePubkey(key: key.publicKey.modulus))
    }

    /// The masked encoding in an archive.
    func open(_ archive: [UInt8]) throws -> Secret {
        try key.decryptOAEP(try WireDecoder.decode(Key.self, from: archive).encData)
    }

    /// The archive for another TPM, encrypted for its SRK.
    func pass(_ archive: [UInt8], to target: Pubkey) throws -> [UInt8] {
        var passed = try WireDecoder.decode(Key.self, from: archive)
        passed.encData = try RSAPublicKey(target).encryptOAEP(try open(archive), random: SeededRandom(seed: 5))
        return try passed.encoded()
    }

    func sign(_ archive: [UInt8]) throws -> [UInt8] {
        try key.signPKCS1(block: digestInfo(SHA1.hash(archive)))
    }
}

/// The manufacturer's key and the switch (Part 3, 12.3 to 12.5).
@Suite struct ManufacturerKeyTests {
    private let nonce = Digest(repeating: 0x5c)

    @Test func theSharedChecksPass() throws {
        let tpm = OwnedTPM()
        let key = try Manufacturer().publicKey
        try check(LoadManuMaintPub.self, .init(antiReplay: nonce, pubKey: key), on: tpm)
        try check(KillMaintenanceFeature.self, .init(), on: tpm, try tpm.ownerSession())
        try tpm.client.execute(LoadManuMaintPub.self, .init(antiReplay: nonce, pubKey: key))
        try check(ReadManuMaintPub.self, .init(antiReplay: nonce), on: tpm)
    }

    @Test func theKeyIsLoadedOnceAndForAll() throws {
        let tpm = OwnedTPM(.endorsed)
        let key = try Manufacturer().publicKey
        #expect(tpm.code(ReadManuMaintPub.self, .init(antiReplay: nonce)) == .keyNotFound)
        let checksum = SHA1.hash(try key.encoded() + nonce.bytes)
        #expect(
            try tpm.client.execute(LoadManuMaintPub.self, .init(antiReplay: nonce, pubKey: key)).checksum == checksum)
        #expect(tpm.lastOutcome?.changesPermanentState == true)
        #expect(tpm.code(LoadManuMaintPub.self, .init(antiReplay: nonce, pubKey: key)) == .disabledCmd)
        try tpm.client.execute(TakeOwnership.self, try tpm.takeOwnership(), try tpm.ownerSession(continues: false))
        // It outlives power and owners.
        tpm.tpm.state = try TPMState(serialised: try tpm.tpm.state.serialised().bytes)
        try tpm.restart()
        try tpm.client.execute(OwnerClear.self, .init(), try tpm.ownerSession(continues: false))
        tpm.turnOn()
        #expect(try tpm.client.execute(ReadManuMaintPub.self, .init(antiReplay: nonce)).checksum == checksum)
        #expect(tpm.code(LoadManuMaintPub.self, .init(antiReplay: nonce, pubKey: key)) == .disabledCmd)
    }

    @Test func theKeyIsStrong() throws {
        let tpm = OwnedTPM()
        func code(_ change: (inout Pubkey) -> Void) throws -> TPMResult? {
            var key = try Manufacturer().publicKey
            change(&key)
            return tpm.code(LoadManuMaintPub.self, .init(antiReplay: nonce, pubKey: key))
        }
        #expect(
            try code {
                $0.pubKey.key.removeLast(128)
                $0.algorithmParms.parms = .rsa(RSAKeyParms(keyLength: 1024, numPrimes: 2, exponent: []))
            } == .badKeyProperty)
        #expect(try code { $0.pubKey.key.removeLast() } == .badKeyProperty)
        #expect(try code { $0.pubKey.key[255] &= 0xfe } == .badKeyProperty)
        // What was refused is no load.
        #expect(try code { _ in } == .success)
    }

    @Test func theNullKeySwitchesMaintenanceOff() throws {
        let tpm = OwnedTPM()
        var key = try Manufacturer().publicKey
        let loaded = key
        key.pubKey.key = []
        let checksum = SHA1.hash(try key.encoded() + nonce.bytes)
        #expect(
            try tpm.client.execute(LoadManuMaintPub.self, .init(antiReplay: nonce, pubKey: key)).checksum == checksum)
        #expect(try tpm.client.execute(ReadManuMaintPub.self, .init(antiReplay: nonce)).checksum == checksum)
        #expect(tpm.code(LoadManuMaintPub.self, .init(antiReplay: nonce, pubKey: loaded)) == .disabledCmd)
        #expect(
            try tpm.code(CreateMaintenanceArchive.self, .init(generateRandom: true), tpm.ownerSession())
                == .keyNotFound)
    }

    @Test func theOwnerSwitchesMaintenanceOffUntilTheNextOwner() throws {
        let tpm = OwnedTPM()
        try tpm.client.execute(
            LoadManuMaintPub.self, .init(antiReplay: nonce, pubKey: try Manufacturer().publicKey))
        try tpm.client.execute(KillMaintenanceFeature.self, .init(), authorizedBy: tpm.ownerAuth)
        #expect(!tpm.tpm.state.permanent.flags.allowMaintenance)
        func codes() throws -> [TPMResult?] {
            [
                try tpm.code(CreateMaintenanceArchive.self, .init(generateRandom: true), tpm.ownerSession()),
                try tpm.code(
                    LoadMaintenanceArchive.self, .init(archive: [], random: [], signature: []), tpm.ownerSession()),
            ]
        }
        #expect(try codes() == [.disabledCmd, .disabledCmd])
        try tpm.changeOwner()
        #expect(try codes() == [.success, .badSignature])
    }
}

/// TPM_CreateMaintenanceArchive and TPM_LoadMaintenanceArchive (Part 3, 12.1 and 12.2).
@Suite struct MaintenanceArchiveTests {
    private let manufacturer: Manufacturer
    private let first = OwnedTPM()
    private let second = OwnedTPM.other()

    init() throws {
        manufacturer = try Manufacturer()
        for tpm in [first, second] {
            try tpm.client.execute(
                LoadManuMaintPub.self, .init(antiReplay: .zero, pubKey: manufacturer.publicKey))
        }
    }

    private func create(generateRandom: Bool) throws -> CreateMaintenanceArchive.Response {
        try first.client.execute(
            CreateMaintenanceArchive.self, .init(generateRandom: generateRandom), authorizedBy: first.ownerAuth)
    }

    /// The operands that bring the first TPM's archive into the second.
    private func request(generateRandom: Bool = true) throws -> LoadMaintenanceArchive.Request {
        let created = try create(generateRandom: generateRandom)
        let archive = try manufacturer.pass(created.archive, to: second.srkPublic)
        return .init(archive: archive, random: created.random, signature: try manufacturer.sign(archive))
    }

    private func code(_ request: LoadMaintenanceArchive.Request) throws -> TPMResult? {
        second.code(LoadMaintenanceArchive.self, request, try second.ownerSession(continues: false))
    }

    @Test func theSharedChecksPass() throws {
        try check(
            CreateMaintenanceArchive.self, .init(generateRandom: true), on: first, try first.ownerSession())
        try check(LoadMaintenanceArchive.self, try request(), on: second, try second.ownerSession())
    }

    @Test(arguments: [true, false]) func theArchiveIsTheSRKUnderAMask(_ generateRandom: Bool) throws {
        let created = try create(generateRandom: generateRandom)
        let srk = try #require(first.tpm.state.permanent.ownership?.srk)
        var archive = try WireDecoder.decode(Key.self, from: created.archive)
        archive.encData = []
        #expect(archive == srk.key)
        #expect(first.tpm.state.permanent.flags.maintenanceDone)
        #expect(first.lastOutcome?.changesPermanentState == true)
        #expect(created.random.count == (generateRandom ? 198 : 0))
        // What the manufacturer sees has another mask still.
        let masked = try manufacturer.open(created.archive)
        let mask = generateRandom ? created.random : try MGF1.generate(seed: first.ownerAuth, count: 198)
        let decoded = try OAEP.decode(Secret(zip(masked.bytes, mask).map { $0 ^ $1 }))
        let prime = srk.privateKey.prime.bytes
        #expect(decoded.labelHash == first.ownerAuth)
        #expect(decoded.seed.bytes == [0, 0, 0, 128] + prime[..<16])
        #expect(
            decoded.message.bytes
                == [0x04] + first.tpmProof.bytes + SHA1.hash(try archive.publicPart()).bytes + [0, 0, 0, 112]
                + prime[16...])
    }

    @Test func withoutTheManufacturersKeyThereIsNoArchive() throws {
        let tpm = OwnedTPM()
        #expect(
            try tpm.code(CreateMaintenanceArchive.self, .init(generateRandom: true), tpm.ownerSession())
                == .keyNotFound)
        #expect(
            try tpm.code(
                LoadMaintenanceArchive.self, .init(archive: [1], random: [], signature: [2]), tpm.ownerSession())
                == .keyNotFound)
        #expect(!tpm.tpm.state.permanent.flags.maintenanceDone)
    }

    @Test(arguments: [true, false]) func anArchiveMovesTheWholeHierarchy(_ generateRandom: Bool) throws {
        let fixed = try first.create(OwnedTPM.template(.signing, bits: 1024))
        let sealed = try first.seal([1, 2, 3])
        let foreign = try second.create(OwnedTPM.template(.signing, bits: 1024))
        let request = try request(generateRandom: generateRandom)
        let secret = try #require(first.tpm.state.permanent.ownership?.ownerAuth)
        let session = try second.ownerSession(continues: true)
        // The client checks that the answer's HMAC is still made with the old secret.
        try second.client.execute(LoadMaintenanceArchive.self, request, session)
        #expect(!session.isOpen)
        #expect(second.lastOutcome?.changesPermanentState == true)
        let permanent = second.tpm.state.permanent
        #expect(permanent.ownership?.srk.key == first.tpm.state.permanent.ownership?.srk.key)
        #expect(second.tpmProof == first.tpmProof)
        #expect(permanent.ownership?.ownerAuth == secret)
        #expect(permanent.ownership?.srk.usageAuth == secret)
        #expect(permanent.flags.maintenanceDone)
        // The actions of TPM_OwnerClear leave it switched off.
        #expect(permanent.flags.disable)
        #expect(second.tpm.state.any.sessions.sessions.isEmpty)
        second.turnOn()
        // What only the first TPM could open opens here, with the owner's secret for the SRK.
        let handle = try second.client.load(fixed, parentAuth: secret)
        let digest = Digest(repeating: 3)
        let signature = try second.client.sign(digest, with: handle, auth: OwnedTPM.keyAuth)
        #expect(try second.publicKey(handle).verify(digest, signature: signature))
        #expect(
            try second.client.unseal(sealed, keyAuth: secret, dataAuth: OwnedTPM.dataAuth) == Secret([1, 2, 3]))
        #expect(second.result { _ = try second.client.load(foreign, parentAuth: secret) } == .decryptError)
        // It stays so over a restart.
        second.tpm.state = try TPMState(serialised: try second.tpm.state.serialised().bytes)
        try second.restart()
        _ = try second.client.load(fixed, parentAuth: secret)
    }

    @Test func theOwnersSecretMovesUnderARandomMaskOnly() throws {
        let auth = Secret([UInt8](repeating: 0x99, count: 20))
        let session = try first.ownerOSAP()
        try first.client.execute(
            ChangeAuthOwner.self, .init(newAuth: try session.hide(auth), entityType: EntityType(kind: .owner)), session)
        for generateRandom in [false, true] {
            let created = try first.client.execute(
                CreateMaintenanceArchive.self, .init(generateRandom: generateRandom), authorizedBy: auth)
            let archive = try manufacturer.pass(created.archive, to: second.srkPublic)
            let request = LoadMaintenanceArchive.Request(
                archive: archive, random: created.random, signature: try manufacturer.sign(archive))
            // The other owner's secret makes another mask.
            #expect(try code(request) == (generateRandom ? .success : .decryptError))
        }
        #expect(second.tpm.state.permanent.ownership?.ownerAuth == auth)
    }

    @Test func anArchiveIsLoadedOnceAndByItsTargetOnly() throws {
        let request = try request()
        #expect(
            try first.code(LoadMaintenanceArchive.self, request, first.ownerSession()) == .decryptError)
        #expect(try code(request) == .success)
        second.turnOn()
        #expect(try code(request) == .decryptError)
    }

    @Test func whatTheManufacturerDidNotSignIsBadSignature() throws {
        let request = try request()
        let before = second.tpm.state.permanent.fingerprint
        for change in [
            { $0.signature = [] }, { $0.signature[7] ^= 1 }, { $0.signature.append(0) }, { $0.archive = [] },
            { $0.archive[40] ^= 1 }, { $0.archive.append(0) },
            { $0.signature = [UInt8](repeating: 0, count: 256) },
        ] as [(inout LoadMaintenanceArchive.Request) -> Void] {
            var changed = request
            change(&changed)
            #expect(try code(changed) == .badSignature)
        }
        #expect(second.tpm.state.permanent.fingerprint == before)
    }

    @Test func whatTheManufacturerSignedButIsNoArchiveIsRefused() throws {
        let request = try request()
        let srk = try WireDecoder.decode(Key.self, from: request.archive)
        func code(random: [UInt8]? = nil, _ archive: [UInt8]) throws -> TPMResult? {
            try self.code(
                .init(
                    archive: archive, random: random ?? request.random, signature: try manufacturer.sign(archive)))
        }
        func changed(_ change: (inout Key) throws -> Void) throws -> [UInt8] {
            var key = srk
            try change(&key)
            return try key.encoded()
        }
        #expect(try code([]) == .invalidStructure)
        #expect(try code(request.archive + [0]) == .invalidStructure)
        #expect(try code(Array(request.archive.dropLast())) == .invalidStructure)
        #expect(try code(random: [1], request.archive) == .badParameter)
        #expect(try code(random: request.random.map { $0 ^ 1 }, request.archive) == .decryptError)
        // Of random length zero means the owner's secret, which was not used.
        #expect(try code(random: [], request.archive) == .decryptError)
        #expect(try code(try changed { $0.encData = [] }) == .decryptError)
        #expect(try code(try changed { $0.keyFlags = .migratable }) == .invalidStructure)
        #expect(try code(try changed { $0.authDataUsage = .never }) == .invalidStructure)
        #expect(try code(try changed { $0.pubKey.key[3] ^= 1 }) == .invalidStructure)
        #expect(second.tpm.state.permanent.ownership?.srk.key.pubkey != first.srkPublic)
    }

    @Test func anArchiveWhosePublicPartIsNoSRKIsRefused() throws {
        let srk = try #require(first.tpm.state.permanent.ownership?.srk)
        let prime = [0, 0, 0, 128] + srk.privateKey.prime.bytes
        func code(payload: UInt8 = 4, prime: [UInt8], _ change: (inout Key) -> Void = { _ in }) throws -> TPMResult? {
            var key = srk.key
            change(&key)
            let message = [payload] + first.tpmProof.bytes + SHA1.hash(try key.publicPart()).bytes + [0, 0, 0, 112]
            let blob = try forgedBlob(
                message + prime[20...], seed: Array(prime[..<20]), label: first.ownerAuth, for: second.srkPublic)
            key.encData = blob.outData
            let archive = try key.encoded()
            return try self.code(
                .init(archive: archive, random: blob.random, signature: try manufacturer.sign(archive)))
        }
        #expect(try code(payload: 3, prime: prime) == .badMigration)
        #expect(try code(prime: prime) { $0.keyFlags = .migratable } == .invalidKeyUsage)
        #expect(try code(prime: prime) { $0.keyUsage = .bind } == .invalidKeyUsage)
        #expect(try code(prime: prime) { $0.algorithmParms.sigScheme = .rsassaPKCS1v15SHA1 } == .badKeyProperty)
        #expect(
            try code(prime: prime) {
                $0.algorithmParms.parms = .rsa(RSAKeyParms(keyLength: 1024, numPrimes: 2, exponent: []))
            } == .badKeyProperty)
        var other = prime
        other[90] ^= 1
        #expect(try code(prime: other) == .badParameter)
        #expect(try code(prime: prime) == .success)
    }
}
