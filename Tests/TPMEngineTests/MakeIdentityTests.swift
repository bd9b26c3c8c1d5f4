import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

/// TPM_MakeIdentity (Part 3, 15.1). What the new key signs is written out here byte by byte.
@Suite struct MakeIdentityTests {
    private let label = Digest(repeating: 0x1a)

    private func request(
        _ session: Session, _ template: Key = OwnedTPM.template(.identity)
    ) throws -> MakeIdentity.Request {
        .init(identityAuth: try session.hide(OwnedTPM.keyAuth), labelPrivCADigest: label, idKeyParams: template)
    }

    private func make(_ tpm: OwnedTPM, _ template: Key = OwnedTPM.template(.identity)) throws -> MakeIdentity.Response {
        let owner = try tpm.ownerOSAP()
        return try tpm.client.execute(
            MakeIdentity.self, try request(owner, template), try tpm.srkSession(), owner)
    }

    private func code(_ tpm: OwnedTPM, _ template: Key) throws -> TPMResult? {
        tpm.result { _ = try make(tpm, template) }
    }

    @Test func whatAllCommandsShare() throws {
        let tpm = OwnedTPM()
        let owner = try tpm.ownerOSAP()
        try check(MakeIdentity.self, try request(owner), on: tpm, try tpm.srkSession(), owner)
        let aes = try tpm.ownerOSAP(.aes128CTR)
        try check(
            MakeIdentity.self, try request(aes, OwnedTPM.template(.identity, form: .key11)), on: tpm,
            try tpm.srkOSAP(), aes)
    }

    @Test(arguments: [Key.Form.key11, .key12])
    func theNewKeySignsItsOwnBindingToTheLabel(_ form: Key.Form) throws {
        let tpm = OwnedTPM()
        let made = try make(tpm, OwnedTPM.template(.identity, form: form))
        #expect(made.idKey.form == form)
        let modulus = made.idKey.pubKey.key
        #expect(modulus.count == 256)
        // TPM_KEY_PARMS of RSA without encryption and with SHA-1 signatures, 2048 bits, two primes, no exponent.
        let pubkey: [UInt8] =
            [0, 0, 0, 1, 0, 1, 0, 2, 0, 0, 0, 12, 0, 0, 8, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 1, 0] + modulus
        let contents: [UInt8] = [1, 1, 0, 0, 0, 0, 0, 0x79] + label.bytes + pubkey
        let key = try RSAPublicKey(modulus: modulus, exponent: 65537)
        #expect(key.verifyPKCS1(digestInfo: digestInfo(SHA1.hash(contents)), signature: made.identityBinding))
    }

    @Test func theKeyLoadsUnderTheSRKAndNeedsItsSecret() throws {
        let tpm = OwnedTPM()
        let identity = try tpm.load(try make(tpm).idKey)
        let loaded = try #require(tpm.tpm.state.keys[identity])
        #expect(loaded.payload == .asym)
        #expect(loaded.usageAuth == OwnedTPM.keyAuth)
        #expect(loaded.migrationAuth == tpm.tpm.state.permanent.blobSecrets?.tpmProof)
        let request = Quote.Request(keyHandle: identity, externalData: label, targetPCR: PCRSelection(indices: [0]))
        #expect(tpm.code(Quote.self, request, try tpm.keySession()) == .success)
        #expect(tpm.code(Quote.self, request, try tpm.srkSession()) == .authFail)
        // An identity signs only what the TPM says.
        #expect(
            tpm.code(Sign.self, .init(keyHandle: identity, areaToSign: label.bytes), try tpm.keySession())
                == .invalidKeyUsage)
    }

    @Test func bothSessionsEnd() throws {
        let tpm = OwnedTPM()
        let owner = try tpm.ownerOSAP(continues: true)
        let srk = try tpm.srkSession(continues: true)
        try tpm.client.execute(MakeIdentity.self, try request(owner), srk, owner)
        #expect(!owner.isOpen && !srk.isOpen)
        #expect(tpm.tpm.state.any.sessions.sessions.isEmpty)
    }

    @Test func anotherSizeOrExponentIsABadProperty() throws {
        let tpm = OwnedTPM()
        for bits in [512, 1024, 4096, 0] as [UInt32] {
            #expect(try code(tpm, OwnedTPM.template(.identity, bits: bits)) == .badKeyProperty)
        }
        var template = OwnedTPM.template(.identity)
        template.algorithmParms.parms = .rsa(RSAKeyParms(keyLength: 2048, numPrimes: 2, exponent: [3]))
        #expect(try code(tpm, template) == .badKeyProperty)
        template.algorithmParms.parms = .rsa(RSAKeyParms(keyLength: 2048, numPrimes: 3, exponent: []))
        #expect(try code(tpm, template) == .badKeyProperty)
        #expect(try code(tpm, OwnedTPM.template(.identity, sigScheme: .rsassaPKCS1v15INFO)) == .badKeyProperty)
        #expect(try code(tpm, OwnedTPM.template(.identity, encScheme: .rsaesOAEPSHA1MGF1)) == .badKeyProperty)
    }

    @Test func onlyAnIdentityThatCannotMigrateIsMade() throws {
        let tpm = OwnedTPM()
        for usage in [KeyUsage.signing, .storage, .bind, .legacy] {
            #expect(try code(tpm, OwnedTPM.template(usage)) == .invalidKeyUsage)
        }
        #expect(try code(tpm, OwnedTPM.template(.identity, flags: .migratable)) == .invalidKeyUsage)
    }

    @Test func inFIPSModeAnIdentityNeedsASecret() throws {
        let tpm = OwnedTPM()
        tpm.tpm.state.permanent.flags.fips = true
        // The owner's session would be refused for its XOR encryption otherwise.
        let owner = try tpm.ownerOSAP(.aes128CTR)
        let request = try request(owner, OwnedTPM.template(.identity, authDataUsage: .never))
        #expect(tpm.code(MakeIdentity.self, request, try tpm.srkSession(), owner) == .notFIPS)
        let second = try tpm.ownerOSAP(.aes128CTR)
        #expect(tpm.code(MakeIdentity.self, try self.request(second), try tpm.srkSession(), second) == .success)
    }

    @Test func theOwnersSessionHasToBeBoundToTheOwner() throws {
        let tpm = OwnedTPM()
        let request = MakeIdentity.Request(
            identityAuth: OwnedTPM.keyAuth, labelPrivCADigest: label, idKeyParams: OwnedTPM.template(.identity))
        #expect(tpm.code(MakeIdentity.self, request, try tpm.srkSession(), try tpm.ownerSession()) == .badMode)
        #expect(tpm.code(MakeIdentity.self, request, try tpm.srkSession(), try tpm.srkOSAP()) == .auth2Fail)
        #expect(tpm.tpm.state.keys.handles.isEmpty)
    }

    @Test func withOneSessionTheSRKMustNotNeedOne() throws {
        let tpm = OwnedTPM()
        let owner = try tpm.ownerOSAP()
        #expect(tpm.code(MakeIdentity.self, try request(owner), owner) == .authFail)
        // The owner takes an SRK without a secret.
        try tpm.client.execute(OwnerClear.self, .init(), try tpm.ownerSession(continues: false))
        tpm.turnOn()
        try tpm.client.execute(
            TakeOwnership.self, try tpm.takeOwnership(srk: OwnedTPM.template(.storage, authDataUsage: .never)),
            try tpm.ownerSession(continues: false))
        let alone = try tpm.ownerOSAP()
        #expect(tpm.code(MakeIdentity.self, try request(alone), alone) == .success)
        let forged = try tpm.client.osap(.srk, secret: tpm.srkAuth)
        #expect(tpm.code(MakeIdentity.self, try request(forged), forged) == .authFail)
    }

    @Test func theBlobRecordsTheRegistersAtItsMaking() throws {
        let tpm = OwnedTPM()
        tpm.locality = .two
        let made = try make(tpm, OwnedTPM.template(.identity, pcrInfo: .long(tpm.pcrInfoLong(7))))
        guard case .long(let info) = made.idKey.pcrInfo else {
            Issue.record("no PCR info of 1.2")
            return
        }
        #expect(info.localityAtCreation == .two)
        #expect(info.digestAtCreation != .zero)
        #expect(try code(tpm, OwnedTPM.template(.identity, form: .key11, pcrInfo: .info(tpm.pcrInfo(7)))) == .success)
    }

    @Test func theBindingIsSignedWhateverTheRegistersOfTheKeySay() throws {
        let tpm = OwnedTPM()
        let info = tpm.pcrInfoLong(7, localities: [.three])
        try tpm.extend(7)
        #expect(try code(tpm, OwnedTPM.template(.identity, pcrInfo: .long(info))) == .success)
    }
}
