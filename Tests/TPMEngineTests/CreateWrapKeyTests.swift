import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

@Suite struct CreateWrapKeyTests {
    private func request(_ template: Key, parent: KeyHandle = .srk, _ session: Session) throws -> CreateWrapKey.Request
    {
        .init(
            parentHandle: parent, dataUsageAuth: try session.hide(OwnedTPM.keyAuth),
            dataMigrationAuth: try session.hideSecond(OwnedTPM.migrationAuth), keyInfo: template)
    }

    private func code(_ template: Key, _ scheme: ADIPScheme = .xor, on tpm: OwnedTPM) throws -> TPMResult? {
        let session = try tpm.srkOSAP(scheme)
        return try tpm.code(CreateWrapKey.self, request(template, session), session)
    }

    /// What the SRK's private key finds in a blob.
    private func sensitive(_ blob: Key, _ tpm: OwnedTPM) throws -> StoreAsymkey {
        let srk = try #require(tpm.tpm.state.permanent.ownership?.srk)
        return try WireDecoder.decode(
            StoreAsymkey.self, from: try srk.privateKey.decryptOAEP(blob.encData), short: .invalidStructure)
    }

    @Test(
        arguments: [KeyUsage.signing, .storage, .bind, .legacy, .migrate], [Key.Form.key11, .key12])
    func eachUsageAndForm(_ usage: KeyUsage, _ form: Key.Form) throws {
        let tpm = OwnedTPM()
        let sizes: [UInt32] = usage == .storage || usage == .migrate ? [2048] : [512, 1024, 2048]
        for bits in sizes {
            for enc in usage.allowedEncSchemes {
                for sig in usage.allowedSigSchemes {
                    let template = OwnedTPM.template(usage, bits: bits, form: form, encScheme: enc, sigScheme: sig)
                    let blob = try tpm.create(template)
                    #expect(blob.pubKey.key.count == Int(bits / 8))
                    var expected = template
                    expected.pubKey = blob.pubKey
                    expected.encData = blob.encData
                    #expect(blob == expected)
                    try tpm.flush(try tpm.load(blob))
                }
            }
        }
    }

    @Test(arguments: ADIPScheme.allCases, [false, true])
    func thePrivatePartHoldsTheSecretsAsTheSessionHidThem(_ scheme: ADIPScheme, _ isMigratable: Bool) throws {
        let tpm = OwnedTPM()
        let session = try tpm.srkOSAP(scheme)
        let template = OwnedTPM.template(.signing, bits: 512, flags: isMigratable ? .migratable : [])
        let blob = try tpm.client.execute(CreateWrapKey.self, request(template, session), session).wrappedKey
        let inside = try sensitive(blob, tpm)
        #expect(inside.payload == .asym)
        #expect(inside.usageAuth == OwnedTPM.keyAuth)
        let proof = try #require(tpm.tpm.state.permanent.blobSecrets?.tpmProof)
        #expect(inside.migrationAuth == (isMigratable ? OwnedTPM.migrationAuth : proof))
        #expect(inside.pubDataDigest == SHA1.hash(try blob.encoded().dropLast(4 + blob.encData.count)))
        // A prime of half the size that divides the modulus: the key signs with it.
        #expect(inside.privKey.key.count == 32)
        #expect(!session.isOpen)
    }

    @Test func thePCRInfoOf11TellsThePCRsAtCreation() throws {
        let tpm = OwnedTPM()
        try tpm.extend(4)
        var info = tpm.pcrInfo(4)
        info.digestAtRelease = Digest(repeating: 9)
        info.digestAtCreation = Digest(repeating: 8)
        let blob = try tpm.create(OwnedTPM.template(.signing, bits: 512, form: .key11, pcrInfo: .info(info)))
        info.digestAtCreation = tpm.composite(4)
        #expect(blob.pcrInfo == .info(info))
    }

    @Test func thePCRInfoOf12TellsThePCRsAndTheLocalityAtCreation() throws {
        let tpm = OwnedTPM()
        try tpm.extend(0)
        tpm.locality = .two
        var info = tpm.pcrInfoLong(4, localities: [.three])
        info.creationPCRSelection = PCRSelection(indices: [0])
        let blob = try tpm.create(OwnedTPM.template(.signing, bits: 512, pcrInfo: .long(info)))
        info.digestAtCreation = tpm.composite(0)
        info.localityAtCreation = [.two]
        #expect(blob.pcrInfo == .long(info))
    }

    @Test func aPublicKeyInTheTemplateIsReplaced() throws {
        let tpm = OwnedTPM()
        var template = OwnedTPM.template(.signing, bits: 512)
        template.pubKey.key = [UInt8](repeating: 1, count: 1000)
        template.encData = [2, 3]
        let blob = try tpm.create(template)
        #expect(blob.pubKey.key.count == 64)
        #expect(blob.encData.count == 256)
    }

    @Test func anExponentOfTheCallersChoice() throws {
        let tpm = OwnedTPM()
        for exponent in [[3], [0, 3], [1, 0, 1], [0xff, 0xff, 0xff, 0xfb]] as [[UInt8]] {
            var template = OwnedTPM.template(.signing, bits: 512)
            template.algorithmParms.parms = .rsa(RSAKeyParms(keyLength: 512, numPrimes: 2, exponent: exponent))
            let blob = try tpm.create(template)
            #expect(blob.algorithmParms.rsa?.exponent == exponent)
            try tpm.flush(try tpm.load(blob))
        }
    }

    @Test(arguments: [
        RSAKeyParms(keyLength: 0, numPrimes: 2, exponent: []), RSAKeyParms(keyLength: 511, numPrimes: 2, exponent: []),
        RSAKeyParms(keyLength: 4096, numPrimes: 2, exponent: []),
        RSAKeyParms(keyLength: .max, numPrimes: 2, exponent: []),
        RSAKeyParms(keyLength: 1024, numPrimes: 3, exponent: []),
        RSAKeyParms(keyLength: 1024, numPrimes: 0, exponent: []),
        RSAKeyParms(keyLength: 1024, numPrimes: 2, exponent: [0]),
        RSAKeyParms(keyLength: 1024, numPrimes: 2, exponent: [1]),
        RSAKeyParms(keyLength: 1024, numPrimes: 2, exponent: [2]),
        RSAKeyParms(keyLength: 1024, numPrimes: 2, exponent: [1, 0, 0, 0, 1]),
        RSAKeyParms(keyLength: 1024, numPrimes: 2, exponent: [UInt8](repeating: 0, count: 3900) + [3]),
        RSAKeyParms(keyLength: 1024, numPrimes: 2, exponent: [UInt8](repeating: 0xff, count: 128)),
    ])
    func aKeyThatTheTPMDoesNotMakeIsBadKeyProperty(_ parms: RSAKeyParms) throws {
        let tpm = OwnedTPM()
        var template = OwnedTPM.template(.signing)
        template.algorithmParms.parms = .rsa(parms)
        #expect(try code(template, on: tpm) == .badKeyProperty)
        // Which is checked before the usage (Part 3, 10.4 actions 3 and 6).
        template.keyUsage = .identity
        #expect(try code(template, on: tpm) == .badKeyProperty)
    }

    @Test(arguments: [KeyUsage.storage, .migrate])
    func aStorageOrMigrationKeyHas2048BitsAndTheUsualExponent(_ usage: KeyUsage) throws {
        let tpm = OwnedTPM()
        #expect(try code(OwnedTPM.template(usage, bits: 1024), on: tpm) == .badKeyProperty)
        var template = OwnedTPM.template(usage)
        template.algorithmParms.parms = .rsa(RSAKeyParms(keyLength: 2048, numPrimes: 2, exponent: [1, 0, 1]))
        #expect(try code(template, on: tpm) == .badKeyProperty)
    }

    @Test(arguments: [KeyUsage.signing, .storage, .bind, .legacy, .migrate])
    func aSchemeThatDoesNotFitTheUsageIsBadKeyProperty(_ usage: KeyUsage) throws {
        let tpm = OwnedTPM()
        for enc in EncScheme.allCases where !usage.allowedEncSchemes.contains(enc) {
            #expect(try code(OwnedTPM.template(usage, encScheme: enc), on: tpm) == .badKeyProperty)
        }
        for sig in SigScheme.allCases where !usage.allowedSigSchemes.contains(sig) {
            #expect(try code(OwnedTPM.template(usage, sigScheme: sig), on: tpm) == .badKeyProperty)
        }
    }

    @Test func identityChangeAuthAndAuthorityKeysAreMadeElsewhere() throws {
        let tpm = OwnedTPM()
        #expect(try code(OwnedTPM.template(.identity), on: tpm) == .invalidKeyUsage)
        #expect(try code(OwnedTPM.template(.authChange), on: tpm) == .invalidKeyUsage)
        let authority = OwnedTPM.template(.signing, flags: [.migratable, .migrateAuthority])
        #expect(try code(authority, on: tpm) == .invalidKeyUsage)
    }

    @Test func aMigratableParentTakesMigratableChildrenOnly() throws {
        let tpm = OwnedTPM()
        let parent = try tpm.newKey(OwnedTPM.template(.storage, flags: .migratable))
        let session = try tpm.keyOSAP(parent)
        let bound = try request(OwnedTPM.template(.signing, bits: 512), parent: parent, session)
        #expect(tpm.code(CreateWrapKey.self, bound, session) == .invalidKeyUsage)
        let other = try tpm.keyOSAP(parent)
        let migratable = try request(OwnedTPM.template(.signing, bits: 512, flags: .migratable), parent: parent, other)
        #expect(tpm.code(CreateWrapKey.self, migratable, other) == .success)
    }

    @Test(arguments: [KeyUsage.signing, .bind, .legacy, .migrate])
    func theParentIsAStorageKey(_ usage: KeyUsage) throws {
        let tpm = OwnedTPM()
        let parent = try tpm.newKey(OwnedTPM.template(usage))
        let session = try tpm.keyOSAP(parent)
        let child = try request(OwnedTPM.template(.signing, bits: 512), parent: parent, session)
        #expect(tpm.code(CreateWrapKey.self, child, session) == .invalidKeyUsage)
    }

    @Test func aSessionWithoutSharedSecretIsBadModeOnceItIsAuthorized() throws {
        let tpm = OwnedTPM()
        let request = CreateWrapKey.Request(
            parentHandle: .srk, dataUsageAuth: OwnedTPM.keyAuth, dataMigrationAuth: OwnedTPM.migrationAuth,
            keyInfo: OwnedTPM.template(.signing))
        #expect(tpm.code(CreateWrapKey.self, request, try tpm.srkSession()) == .badMode)
        #expect(tpm.code(CreateWrapKey.self, request, try tpm.keySession()) == .authFail)
    }

    @Test func anotherKeysSessionIsAuthFail() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(OwnedTPM.template(.storage))
        let session = try tpm.keyOSAP(key)
        #expect(tpm.code(CreateWrapKey.self, try request(OwnedTPM.template(.signing), session), session) == .authFail)
    }

    @Test func fipsModeForbidsWeakKeys() throws {
        let tpm = OwnedTPM()
        tpm.tpm.state.permanent.flags.fips = true
        #expect(try code(OwnedTPM.template(.signing, bits: 512), .aes128CTR, on: tpm) == .notFIPS)
        #expect(try code(OwnedTPM.template(.signing, authDataUsage: .never), .aes128CTR, on: tpm) == .notFIPS)
        #expect(try code(OwnedTPM.template(.legacy), .aes128CTR, on: tpm) == .notFIPS)
        #expect(try code(OwnedTPM.template(.signing, bits: 1024), .aes128CTR, on: tpm) == .success)
    }

    @Test func aParentAtOtherPCRsIsWrongPCRVal() throws {
        let tpm = OwnedTPM()
        let parent = try tpm.newKey(OwnedTPM.template(.storage, form: .key11, pcrInfo: .info(tpm.pcrInfo(6))))
        try tpm.extend(6)
        let session = try tpm.keyOSAP(parent)
        let child = try request(OwnedTPM.template(.signing, bits: 512), parent: parent, session)
        #expect(tpm.code(CreateWrapKey.self, child, session) == .wrongPCRVal)
    }

    @Test func whatAllCommandsShare() throws {
        let tpm = OwnedTPM()
        let session = try tpm.srkOSAP()
        try check(
            CreateWrapKey.self, request(OwnedTPM.template(.signing, bits: 512), session), on: tpm, session)
    }
}
