import TPMCrypto
import TPMTesting
import TPMWire
import Testing

@testable import TPMClient
@testable import TPMEngine

/// TPM_ChangeAuthAsymStart and TPM_ChangeAuthAsymFinish (Part 3, 27.4; Part 1, 13.6).
@Suite struct ChangeAuthAsymTests {
    private let newAuth = Secret([UInt8](repeating: 0x7e, count: 20))
    private let nonce = Digest(repeating: 0x6d)
    private static let parms = OwnedTPM.template(.storage, bits: 1024).algorithmParms

    /// An identity key that this TPM takes for its own.
    private func identity(_ tpm: OwnedTPM, authDataUsage: AuthDataUsage = .always) throws -> KeyHandle {
        let pair = try TestKeyPairs(startingAt: 5).keyPair(bits: 2048, exponent: 65537)
        return try tpm.load(
            try tpm.wrapped(
                OwnedTPM.template(.identity, authDataUsage: authDataUsage), modulus: pair.modulus, prime: pair.p.bytes,
                migrationAuth: tpm.tpmProof))
    }

    private func start(
        _ tpm: OwnedTPM, _ identity: KeyHandle, parms: KeyParms = parms
    ) throws -> ChangeAuthAsymStart.Response {
        try tpm.client.execute(
            ChangeAuthAsymStart.self, .init(idHandle: identity, antiReplay: nonce, tempKey: parms),
            authorizedBy: OwnedTPM.keyAuth)
    }

    /// The operands that give an entity a new secret.
    private func request(
        _ started: ChangeAuthAsymStart.Response, _ kind: EntityKind, _ encData: [UInt8],
        old: Secret = OwnedTPM.keyAuth, parent: KeyHandle = .srk
    ) throws -> ChangeAuthAsymFinish.Request {
        let validate = ChangeAuthValidate(newAuthSecret: newAuth, n1: nonce)
        return .init(
            parentHandle: parent, ephHandle: started.ephHandle, entityType: EntityType(kind: kind),
            newAuthLink: HMAC.authenticate(key: old, newAuth),
            encNewAuth: try RSAPublicKey(started.tempKey.pubkey).encryptOAEP(
                try validate.encodedSecret(), random: SeededRandom(seed: 6)),
            encData: encData)
    }

    private func code(_ request: ChangeAuthAsymFinish.Request, _ tpm: OwnedTPM) throws -> TPMResult? {
        tpm.code(ChangeAuthAsymFinish.self, request, try tpm.ownerSession(continues: false))
    }

    @Test func theSharedChecksPass() throws {
        let tpm = OwnedTPM()
        let identity = try identity(tpm)
        try check(
            ChangeAuthAsymStart.self, .init(idHandle: identity, antiReplay: nonce, tempKey: Self.parms), on: tpm,
            try tpm.keySession(continues: true))
        let key = try tpm.create(OwnedTPM.template(.signing, bits: 512))
        try check(
            ChangeAuthAsymFinish.self, try request(try start(tpm, identity), .key, key.encData), on: tpm,
            try tpm.ownerSession())
    }

    @Test(arguments: [512, 1024, 2048] as [UInt32])
    func theIdentityVouchesForTheEphemeralKey(_ bits: UInt32) throws {
        let tpm = OwnedTPM()
        let identity = try identity(tpm)
        let parms = OwnedTPM.template(.storage, bits: bits).algorithmParms
        let started = try start(tpm, identity, parms: parms)
        let key = started.tempKey
        #expect(key.form == .key11)
        #expect(key.keyUsage == .authChange)
        #expect(key.keyFlags == .isVolatile)
        #expect(key.authDataUsage == .never)
        #expect(key.algorithmParms == parms)
        #expect(key.pubKey.key.count == Int(bits / 8))
        #expect(key.encData.isEmpty)
        let expected =
            [1, 1, 0, 0, 0, 0x13, 0, 0, 0, 4, 0] + (try parms.encoded())
            + SHA1.hash(key.pubKey.key).bytes + nonce.bytes + [0, 0, 0, 0, 0]
        #expect(try started.certifyInfo.encoded() == expected)
        #expect(
            try tpm.publicKey(identity)
                .verifyPKCS1(digestInfo: digestInfo(SHA1.hash(expected)), signature: started.sig))
        #expect(tpm.tpm.state.keys[started.ephHandle]?.key == key)
    }

    @Test func aKeysSecretChangesAndTheEphemeralKeyGoes() throws {
        let tpm = OwnedTPM()
        let started = try start(tpm, try identity(tpm))
        var key = try tpm.create(OwnedTPM.template(.signing, bits: 1024))
        let before = try tpm.opened(key.encData)
        let request = try request(started, .key, key.encData)
        let answer = try tpm.client.execute(ChangeAuthAsymFinish.self, request, authorizedBy: tpm.ownerAuth)
        #expect(
            answer.changeProof == HMAC.authenticate(key: newAuth, answer.saltNonce.bytes + nonce.bytes))
        key.encData = answer.outData
        var expected = before
        expected.usageAuth = newAuth
        #expect(try tpm.opened(key.encData) == expected)
        let handle = try tpm.load(key)
        _ = try tpm.client.sign(nonce, with: handle, auth: newAuth)
        #expect(tpm.tpm.state.keys[started.ephHandle] == nil)
        #expect(try code(request, tpm) == .invalidKeyHandle)
    }

    @Test func theSecretOfSealedDataChanges() throws {
        let tpm = OwnedTPM()
        let started = try start(tpm, try identity(tpm))
        let blob = try tpm.seal([1, 2])
        let answer = try tpm.client.execute(
            ChangeAuthAsymFinish.self, try request(started, .data, blob.encData, old: OwnedTPM.dataAuth),
            authorizedBy: tpm.ownerAuth)
        #expect(try tpm.unseal(blob.with(encData: answer.outData), dataAuth: newAuth) == [1, 2])
    }

    @Test func belowTheSRKTheOwnerAuthorizesAndElsewhereTheParent() throws {
        let tpm = OwnedTPM()
        let started = try start(tpm, try identity(tpm))
        let child = try tpm.create(OwnedTPM.template(.signing, bits: 512))
        let below = try request(started, .key, child.encData)
        #expect(try tpm.code(ChangeAuthAsymFinish.self, below, tpm.srkSession()) == .authFail)
        #expect(try tpm.code(ChangeAuthAsymFinish.self, below, tpm.srkOSAP()) == .authFail)
        #expect(tpm.code(ChangeAuthAsymFinish.self, below) == .authFail)
        #expect(try tpm.code(ChangeAuthAsymFinish.self, below, tpm.ownerOSAP()) == .success)
        let again = try start(tpm, tpm.tpm.state.keys.handles[0])
        let parent = try tpm.newKey(OwnedTPM.template(.storage))
        let grandchild = try tpm.client.createKey(
            OwnedTPM.template(.signing, bits: 512), auth: OwnedTPM.keyAuth, under: parent,
            parentAuth: OwnedTPM.keyAuth)
        let elsewhere = try request(again, .key, grandchild.encData, parent: parent)
        #expect(try tpm.code(ChangeAuthAsymFinish.self, elsewhere, tpm.ownerSession()) == .authFail)
        #expect(try tpm.code(ChangeAuthAsymFinish.self, elsewhere, tpm.keySession()) == .success)
    }

    @Test func keysThatNeedNoSecretNeedNoSession() throws {
        let tpm = OwnedTPM()
        let identity = try identity(tpm, authDataUsage: .never)
        let started = try tpm.client.execute(
            ChangeAuthAsymStart.self, .init(idHandle: identity, antiReplay: nonce, tempKey: Self.parms))
        let parent = try tpm.newKey(OwnedTPM.template(.storage, authDataUsage: .never))
        let child = try tpm.client.createKey(
            OwnedTPM.template(.signing, bits: 512), auth: OwnedTPM.keyAuth, under: parent,
            parentAuth: OwnedTPM.keyAuth)
        let request = try request(started, .key, child.encData, parent: parent)
        #expect(tpm.code(ChangeAuthAsymFinish.self, request) == .success)
    }

    @Test func aWrongOldSecretIsAFailedAuthorization() throws {
        let tpm = OwnedTPM()
        let started = try start(tpm, try identity(tpm))
        let key = try tpm.create(OwnedTPM.template(.signing, bits: 512))
        for count in 1...Lockout.threshold {
            #expect(
                try code(try request(started, .key, key.encData, old: OwnedTPM.dataAuth), tpm) == .authFail)
            #expect(tpm.tpm.state.permanent.failedAuthorizations == count)
        }
        // No further guess, right or wrong, until the wait is over.
        #expect(try code(try request(started, .key, key.encData), tpm) == .defendLockRunning)
        tpm.clock.advance(seconds: 2)
        #expect(try code(try request(started, .key, key.encData), tpm) == .success)
    }

    @Test func onlyAnIdentityStarts() throws {
        let tpm = OwnedTPM()
        for usage in [KeyUsage.signing, .storage, .bind, .legacy] {
            let key = try tpm.newKey(OwnedTPM.template(usage))
            #expect(tpm.result { _ = try start(tpm, key) } == .invalidKeyUsage)
        }
    }

    @Test func whatIsNoEphemeralKeyIsBadKeyProperty() throws {
        let tpm = OwnedTPM()
        let identity = try identity(tpm)
        for parms in [
            OwnedTPM.template(.storage, bits: 768).algorithmParms,
            OwnedTPM.template(.signing, bits: 1024).algorithmParms,
            OwnedTPM.template(.bind, bits: 1024, encScheme: .rsaesPKCSv15).algorithmParms,
            KeyParms(
                algorithmID: .aes128, encScheme: .none, sigScheme: .none, parms: .symmetric(SymmetricKeyParms())),
        ] {
            #expect(tpm.result { _ = try start(tpm, identity, parms: parms) } == .badKeyProperty)
        }
        try tpm.fillKeySlots()
        #expect(tpm.result { _ = try start(tpm, identity) } == .noSpace)
    }

    @Test func whatDoesNotFitIsRefused() throws {
        let tpm = OwnedTPM()
        let identity = try identity(tpm)
        let started = try start(tpm, identity)
        let key = try tpm.create(OwnedTPM.template(.signing, bits: 512))
        let sealed = try tpm.seal([1])
        let fine = try request(started, .key, key.encData)
        let short = try RSAPublicKey(started.tempKey.pubkey).encryptOAEP(Secret(count: 39))
        let long = try RSAPublicKey(started.tempKey.pubkey).encryptOAEP(Secret(count: 41))
        for (expected, change) in [
            (.wrongEntityType, { $0.entityType = EntityType(kind: .srk) }),
            (.wrongEntityType, { $0.entityType = EntityType(rawValue: 0x0605) }),
            (.decryptError, { $0.encData = [1, 2] }),
            (.invalidStructure, { $0.encData = sealed.encData }),
            (.invalidStructure, { $0.entityType = EntityType(kind: .data) }),
            (.invalidKeyHandle, { $0.ephHandle = KeyHandle(rawValue: 3) }),
            (.invalidKeyUsage, { $0.ephHandle = identity }),
            (.invalidKeyUsage, { $0.ephHandle = .srk }),
            (.decryptError, { $0.encNewAuth = [] }),
            (.decryptError, { $0.encNewAuth[5] ^= 1 }),
            (.invalidStructure, { $0.encNewAuth = short }),
            (.invalidStructure, { $0.encNewAuth = long }),
        ] as [(TPMResult, (inout ChangeAuthAsymFinish.Request) -> Void)] {
            var changed = fine
            change(&changed)
            #expect(try code(changed, tpm) == expected)
        }
        var below = fine
        below.parentHandle = try tpm.newKey(OwnedTPM.template(.bind))
        #expect(try tpm.code(ChangeAuthAsymFinish.self, below, tpm.keySession()) == .invalidKeyUsage)
        // The ephemeral key is still there for the command that is right.
        #expect(try code(fine, tpm) == .success)
    }

    @Test func theEphemeralKeyDoesNothingElse() throws {
        let tpm = OwnedTPM()
        let eph = try start(tpm, try identity(tpm)).ephHandle
        let area = [UInt8](repeating: 1, count: 20)
        #expect(tpm.code(Sign.self, .init(keyHandle: eph, areaToSign: area)) == .invalidKeyUsage)
        #expect(tpm.code(UnBind.self, .init(keyHandle: eph, inData: area)) == .invalidKeyUsage)
        let blob = try tpm.create(OwnedTPM.template(.signing, bits: 512))
        #expect(tpm.code(LoadKey2.self, .init(parentHandle: eph, inKey: blob)) == .invalidKeyUsage)
        #expect(
            tpm.code(ConvertMigrationBlob.self, .init(parentHandle: eph, inData: [], random: [])) == .invalidKeyUsage)
        try tpm.flush(eph)
        #expect(tpm.tpm.state.keys[eph] == nil)
    }
}
