import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

@Suite struct CertifyKeyTests {
    private let antiReplay = Digest(repeating: 0xa5)

    private func certify(_ cert: KeyHandle, _ key: KeyHandle, _ tpm: OwnedTPM) throws -> CertifyKey.Response {
        try tpm.client.execute(
            CertifyKey.self, .init(certHandle: cert, keyHandle: key, antiReplay: antiReplay), try tpm.keySession(),
            try tpm.keySession())
    }

    private func certify2(
        _ key: KeyHandle, _ cert: KeyHandle, _ tpm: OwnedTPM, migrationPubDigest: Digest = .zero
    ) throws -> CertifyKey2.Response {
        try tpm.client.execute(
            CertifyKey2.self,
            .init(
                keyHandle: key, certHandle: cert, migrationPubDigest: migrationPubDigest, antiReplay: antiReplay),
            try tpm.keySession(), try tpm.keySession())
    }

    /// An identity key that this TPM takes for its own.
    private func identity(_ tpm: OwnedTPM) throws -> KeyHandle {
        let pair = try RSAKeyGenerator.generate(bits: 2048, random: SeededRandom(seed: 2))
        let proof = try #require(tpm.tpm.state.permanent.blobSecrets?.tpmProof)
        return try tpm.load(
            try tpm.wrapped(
                OwnedTPM.template(.identity), modulus: pair.modulus, prime: pair.p.bytes, migrationAuth: proof))
    }

    /// A certified migration key, with the ticket of an authority.
    private func cmk(_ tpm: OwnedTPM, payload: PayloadType, authority: Digest) throws -> KeyHandle {
        let pair = try RSAKeyGenerator.generate(bits: 1024, random: SeededRandom(seed: 3))
        var template = OwnedTPM.template(.signing, bits: 1024, flags: [.migratable, .migrateAuthority])
        template.pubKey.key = pair.modulus
        let proof = try #require(tpm.tpm.state.permanent.blobSecrets?.tpmProof)
        // TPM_CMK_MIGAUTH: tag, msaDigest, pubKeyDigest (Part 2, 5.19).
        let migAuth = [0x00, 0x33] + authority.bytes + SHA1.hash(try template.pubkey.encoded()).bytes
        return try tpm.load(
            try tpm.wrapped(
                template, modulus: pair.modulus, prime: pair.p.bytes, payload: payload,
                migrationAuth: Secret(HMAC.authenticate(key: proof, migAuth))))
    }

    private func isSigned(_ info: [UInt8], _ signature: [UInt8], by key: KeyHandle, _ tpm: OwnedTPM) throws -> Bool {
        try tpm.publicKey(key).verifyPKCS1(digestInfo: digestInfo(SHA1.hash(info)), signature: signature)
    }

    /// TPM_KEY_USAGE, TPM_KEY_FLAGS, TPM_AUTH_DATA_USAGE and what follows up to parentPCRStatus, byte by byte.
    private func middle(_ key: KeyHandle, _ tpm: OwnedTPM) throws -> [UInt8] {
        let key = try #require(tpm.tpm.state.keys[key]).key
        let usage = key.keyUsage.rawValue
        return [UInt8(usage >> 8), UInt8(usage & 0xff)] + be32(key.keyFlags.rawValue) + [key.authDataUsage.rawValue]
            + (try key.algorithmParms.encoded()) + SHA1.hash(key.pubKey.key).bytes + antiReplay.bytes
    }

    // MARK: TPM_CertifyKey

    @Test(arguments: [KeyUsage.signing, .legacy], [SigScheme.rsassaPKCS1v15SHA1, .rsassaPKCS1v15INFO])
    func aKeyIsCertifiedWithTheStructureOf11(_ usage: KeyUsage, _ scheme: SigScheme) throws {
        guard usage.allowedSigSchemes.contains(scheme) else { return }
        let tpm = OwnedTPM()
        let cert = try tpm.newKey(OwnedTPM.template(usage, bits: 1024, sigScheme: scheme))
        for certified in [KeyUsage.signing, .storage, .bind, .legacy] {
            let key = try tpm.newKey(OwnedTPM.template(certified, flags: .migratable))
            let answer = try certify(cert, key, tpm)
            // TPM_CERTIFY_INFO: 1.1.0.0, the fields, parentPCRStatus, PCRInfoSize (Part 2, 11.1).
            let expected = [1, 1, 0, 0] + (try middle(key, tpm)) + [0] + be32(0)
            #expect(try answer.certifyInfo.encoded() == expected)
            #expect(try isSigned(expected, answer.outData, by: cert, tpm))
        }
    }

    @Test func aKeyBoundToLowPCRsIsCertifiedWithTheStructureOf11() throws {
        let tpm = OwnedTPM()
        let cert = try tpm.newKey(OwnedTPM.template(.signing, bits: 512))
        var info = tpm.pcrInfo(2)
        info.pcrSelection = PCRSelection(sizeOfSelect: 2, bits: 4)
        info.digestAtRelease = tpm.composite(2, sizeOfSelect: 2)
        for template in [
            OwnedTPM.template(.signing, bits: 512, form: .key11, pcrInfo: .info(info)),
            OwnedTPM.template(.signing, bits: 512, pcrInfo: .long(PCRInfoLong(info))),
        ] {
            let key = try tpm.newKey(template)
            let answer = try certify(cert, key, tpm)
            // TPM_PCR_INFO, 44 bytes: the digest at creation is left out (Part 3, 13.8 action 9.b).
            let pcrInfo = [0, 2, 4, 0] + info.digestAtRelease.bytes + [UInt8](repeating: 0, count: 20)
            let expected = [1, 1, 0, 0] + (try middle(key, tpm)) + [0] + be32(44) + pcrInfo
            #expect(try answer.certifyInfo.encoded() == expected)
            #expect(try isSigned(expected, answer.outData, by: cert, tpm))
        }
    }

    @Test func aKeyBoundToHighPCRsOrToALocalityIsCertifiedWithTheStructureOf12() throws {
        let tpm = OwnedTPM()
        let cert = try tpm.newKey(OwnedTPM.template(.signing, bits: 512))
        for (info, locality, short) in [
            (tpm.pcrInfoLong(16), Locality.zero, [0, 3, 0, 0, 1, 0x1f] + tpm.composite(16).bytes),
            (tpm.pcrInfoLong(2, localities: [.one, .two]), .one, [0, 3, 4, 0, 0, 6] + tpm.composite(2).bytes),
            (tpm.pcrInfoLong(localities: [.two]), .two, [0, 3, 0, 0, 0, 4] + Digest.zero.bytes),
        ] {
            tpm.locality = locality
            let key = try tpm.newKey(OwnedTPM.template(.bind, bits: 512, pcrInfo: .long(info)))
            let answer = try certify(cert, key, tpm)
            // TPM_CERTIFY_INFO2: tag, fill, payload, the fields, parentPCRStatus, TPM_PCR_INFO_SHORT, no authority.
            let expected = [0x00, 0x29, 0, 1] + (try middle(key, tpm)) + [0] + be32(26) + short + be32(0)
            #expect(try answer.certifyInfo.encoded() == expected)
            #expect(try isSigned(expected, answer.outData, by: cert, tpm))
        }
    }

    @Test func anIdentityKeyCertifiesWhatCannotMigrate() throws {
        let tpm = OwnedTPM()
        let identity = try identity(tpm)
        let fixed = try tpm.newKey(OwnedTPM.template(.signing, bits: 512))
        let answer = try certify(identity, fixed, tpm)
        #expect(try isSigned(try answer.certifyInfo.encoded(), answer.outData, by: identity, tpm))
        let migratable = try tpm.newKey(OwnedTPM.template(.signing, bits: 512, flags: .migratable))
        #expect(tpm.result { _ = try certify(identity, migratable, tpm) } == .migrateFail)
        #expect(tpm.result { _ = try certify2(migratable, identity, tpm) } == .migrateFail)
        // And is certified itself.
        let cert = try tpm.newKey(OwnedTPM.template(.signing, bits: 512))
        #expect(tpm.result { _ = try certify(cert, identity, tpm) } == .success)
        #expect(tpm.result { _ = try certify2(identity, cert, tpm) } == .success)
    }

    @Test func theCertificateTellsThatAParentWasBoundToPCRs() throws {
        let tpm = OwnedTPM()
        let cert = try tpm.newKey(OwnedTPM.template(.signing, bits: 512))
        let parent = try tpm.newKey(OwnedTPM.template(.storage, pcrInfo: .long(tpm.pcrInfoLong(1))))
        let session = try tpm.keyOSAP(parent)
        let blob = try tpm.client.execute(
            CreateWrapKey.self,
            .init(
                parentHandle: parent, dataUsageAuth: try session.hide(OwnedTPM.keyAuth),
                dataMigrationAuth: try session.hideSecond(OwnedTPM.migrationAuth),
                keyInfo: OwnedTPM.template(.signing, bits: 512)), session
        ).wrappedKey
        let key = try tpm.client.execute(
            LoadKey2.self, .init(parentHandle: parent, inKey: blob), try tpm.keySession()
        ).inkeyHandle
        let expected = [1, 1, 0, 0] + (try middle(key, tpm)) + [1] + be32(0)
        #expect(try certify(cert, key, tpm).certifyInfo.encoded() == expected)
        #expect(try certify2(key, cert, tpm).certifyInfo.parentPCRStatus)
    }

    @Test func theCertifyingKeyHasAUsageAndASchemeForIt() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(OwnedTPM.template(.signing, bits: 512))
        for template in [
            OwnedTPM.template(.signing, bits: 512, sigScheme: .rsassaPKCS1v15DER),
            OwnedTPM.template(.legacy, bits: 512, sigScheme: .rsassaPKCS1v15DER),
            OwnedTPM.template(.storage), OwnedTPM.template(.bind, bits: 512), OwnedTPM.template(.migrate),
        ] {
            let cert = try tpm.newKey(template)
            #expect(tpm.result { _ = try certify(cert, key, tpm) } == .badKeyProperty)
            #expect(tpm.result { _ = try certify2(key, cert, tpm) } == .badKeyProperty)
            // Before any authorization (Part 3, 13.8 action 1).
            #expect(
                tpm.code(
                    CertifyKey.self, .init(certHandle: cert, keyHandle: key, antiReplay: .zero),
                    try tpm.srkSession(), try tpm.srkSession()) == .badKeyProperty)
            try tpm.flush(cert)
        }
    }

    @Test func migrationKeysAreNotCertified() throws {
        let tpm = OwnedTPM()
        let cert = try tpm.newKey(OwnedTPM.template(.signing, bits: 512))
        let key = try tpm.newKey(OwnedTPM.template(.migrate))
        #expect(tpm.result { _ = try certify(cert, key, tpm) } == .invalidKeyUsage)
        #expect(tpm.result { _ = try certify2(key, cert, tpm) } == .invalidKeyUsage)
    }

    @Test func thePCRsOfTheKeyCountUnlessItSaysOtherwise() throws {
        let tpm = OwnedTPM()
        let cert = try tpm.newKey(OwnedTPM.template(.signing, bits: 512))
        let strict = try tpm.newKey(OwnedTPM.template(.signing, bits: 512, pcrInfo: .long(tpm.pcrInfoLong(1))))
        let lenient = try tpm.newKey(
            OwnedTPM.template(.signing, bits: 512, flags: .pcrIgnoredOnRead, pcrInfo: .long(tpm.pcrInfoLong(1))))
        let local = try tpm.newKey(
            OwnedTPM.template(.signing, bits: 512, pcrInfo: .long(tpm.pcrInfoLong(localities: [.three]))))
        try tpm.extend(1)
        for (key, code) in [(strict, TPMResult.wrongPCRVal), (lenient, .success), (local, .badLocality)] {
            #expect(tpm.result { _ = try certify(cert, key, tpm) } == code)
            #expect(tpm.result { _ = try certify2(key, cert, tpm) } == code)
        }
        // The certifying key is used, so that its PCRs always count.
        #expect(tpm.result { _ = try certify(lenient, cert, tpm) } == .wrongPCRVal)
        #expect(tpm.result { _ = try certify2(cert, lenient, tpm) } == .wrongPCRVal)
    }

    // MARK: Authorization

    @Test func withOneSessionItIsTheKeysThatIsCertified() throws {
        let tpm = OwnedTPM()
        let never = try tpm.newKey(OwnedTPM.template(.signing, bits: 512, authDataUsage: .never))
        let always = try tpm.newKey(OwnedTPM.template(.signing, bits: 512))
        let noRead = try tpm.newKey(OwnedTPM.template(.signing, bits: 512, authDataUsage: .noReadPubkeyAuth))
        func request(_ cert: KeyHandle, _ key: KeyHandle) -> CertifyKey.Request {
            .init(certHandle: cert, keyHandle: key, antiReplay: antiReplay)
        }
        #expect(tpm.code(CertifyKey.self, request(never, always), try tpm.keySession()) == .success)
        #expect(tpm.code(CertifyKey.self, request(never, always), try tpm.srkSession()) == .authFail)
        #expect(tpm.code(CertifyKey.self, request(always, never), try tpm.keySession()) == .authFail)
        #expect(tpm.code(CertifyKey.self, request(noRead, never), try tpm.keySession()) == .authFail)
        // Without any.
        #expect(tpm.code(CertifyKey.self, request(never, never)) == .success)
        #expect(tpm.code(CertifyKey.self, request(never, noRead)) == .success)
        #expect(tpm.code(CertifyKey.self, request(never, always)) == .authFail)
        #expect(tpm.code(CertifyKey.self, request(always, never)) == .authFail)
        #expect(tpm.code(CertifyKey.self, request(noRead, never)) == .authFail)
    }

    @Test func theSecondCommandHasTheSessionsTheOtherWayRound() throws {
        let tpm = OwnedTPM()
        let never = try tpm.newKey(OwnedTPM.template(.signing, bits: 512, authDataUsage: .never))
        let always = try tpm.newKey(OwnedTPM.template(.signing, bits: 512))
        let noRead = try tpm.newKey(OwnedTPM.template(.signing, bits: 512, authDataUsage: .noReadPubkeyAuth))
        func request(_ key: KeyHandle, _ cert: KeyHandle) -> CertifyKey2.Request {
            .init(keyHandle: key, certHandle: cert, migrationPubDigest: .zero, antiReplay: antiReplay)
        }
        // With one session it is the certifying key's, and wrong it is the second all the same (action 2.b.ii).
        #expect(tpm.code(CertifyKey2.self, request(never, always), try tpm.keySession()) == .success)
        #expect(tpm.code(CertifyKey2.self, request(noRead, always), try tpm.keySession()) == .success)
        #expect(tpm.code(CertifyKey2.self, request(never, always), try tpm.srkSession()) == .auth2Fail)
        #expect(tpm.code(CertifyKey2.self, request(always, always), try tpm.keySession()) == .authFail)
        // Without any.
        #expect(tpm.code(CertifyKey2.self, request(never, never)) == .success)
        #expect(tpm.code(CertifyKey2.self, request(noRead, never)) == .success)
        #expect(tpm.code(CertifyKey2.self, request(always, never)) == .authFail)
        #expect(tpm.code(CertifyKey2.self, request(never, always)) == .authFail)
        #expect(tpm.code(CertifyKey2.self, request(never, noRead)) == .authFail)
        // With both, each secret on its side.
        let other = try tpm.srkSession(continues: false)
        #expect(tpm.code(CertifyKey2.self, request(always, always), other, try tpm.keySession()) == .authFail)
        let second = try tpm.srkSession(continues: false)
        #expect(tpm.code(CertifyKey2.self, request(always, always), try tpm.keySession(), second) == .auth2Fail)
    }

    // MARK: TPM_CertifyKey2

    @Test func theSecondCommandAlwaysHasTheStructureOf12() throws {
        let tpm = OwnedTPM()
        let cert = try tpm.newKey(OwnedTPM.template(.signing, bits: 512, sigScheme: .rsassaPKCS1v15INFO))
        let info = tpm.pcrInfoLong(3, localities: [.zero, .one])
        for (template, pcr) in [
            (OwnedTPM.template(.storage), be32(0)),
            (OwnedTPM.template(.bind, bits: 512, flags: .migratable), be32(0)),
            (
                OwnedTPM.template(.signing, bits: 512, pcrInfo: .long(info)),
                be32(26) + [0, 3, 8, 0, 0, 3] + tpm.composite(3).bytes
            ),
            (
                OwnedTPM.template(.signing, bits: 512, form: .key11, pcrInfo: .info(tpm.pcrInfo(3))),
                be32(26) + [0, 3, 8, 0, 0, 0x1f] + tpm.composite(3).bytes
            ),
        ] {
            let key = try tpm.newKey(template)
            let answer = try certify2(key, cert, tpm)
            let expected = [0x00, 0x29, 0, 1] + (try middle(key, tpm)) + [0] + pcr + be32(0)
            #expect(try answer.certifyInfo.encoded() == expected)
            #expect(try isSigned(expected, answer.outData, by: cert, tpm))
        }
    }

    @Test(arguments: [PayloadType.migrateRestricted, .migrateExternal])
    func aCertifiedMigrationKeyNamesItsAuthority(_ payload: PayloadType) throws {
        let tpm = OwnedTPM()
        let authority = Digest(repeating: 0x42)
        let key = try cmk(tpm, payload: payload, authority: authority)
        let identity = try identity(tpm)
        let answer = try certify2(key, identity, tpm, migrationPubDigest: authority)
        #expect(answer.certifyInfo.payloadType == payload)
        #expect(answer.certifyInfo.migrationAuthority == SHA1.hash(authority.bytes + [payload.rawValue]).bytes)
        #expect(try isSigned(try answer.certifyInfo.encoded(), answer.outData, by: identity, tpm))
        #expect(tpm.result { _ = try certify2(key, identity, tpm, migrationPubDigest: .zero) } == .maSource)
        // The first command certifies ordinary keys only (Part 3, 13.8 action 3).
        #expect(tpm.result { _ = try certify(identity, key, tpm) } == .invalidKeyUsage)
    }

    @Test func aKeyThatIsNotThere() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(OwnedTPM.template(.signing, bits: 512))
        let none = KeyHandle(rawValue: 3)
        #expect(tpm.result { _ = try certify(none, key, tpm) } == .invalidKeyHandle)
        #expect(tpm.result { _ = try certify(key, none, tpm) } == .invalidKeyHandle)
        #expect(tpm.result { _ = try certify2(none, key, tpm) } == .invalidKeyHandle)
        #expect(tpm.result { _ = try certify2(key, none, tpm) } == .invalidKeyHandle)
    }

    @Test func whatAllCommandsShare() throws {
        let tpm = OwnedTPM()
        let cert = try tpm.newKey(OwnedTPM.template(.signing, bits: 512))
        let key = try tpm.newKey(OwnedTPM.template(.bind, bits: 512))
        try check(
            CertifyKey.self, .init(certHandle: cert, keyHandle: key, antiReplay: antiReplay), on: tpm,
            try tpm.keySession(), try tpm.keySession())
        try check(
            CertifyKey2.self,
            .init(keyHandle: key, certHandle: cert, migrationPubDigest: .zero, antiReplay: antiReplay), on: tpm,
            try tpm.keySession(), try tpm.keySession())
    }
}
