import TPMClient
import TPMCrypto
import TPMTesting
import TPMWire
import Testing

@testable import TPMEngine

@Suite struct SignTests {
    private func sign(_ area: [UInt8], _ key: KeyHandle, _ tpm: OwnedTPM) throws -> [UInt8] {
        try tpm.client.execute(Sign.self, .init(keyHandle: key, areaToSign: area), try tpm.keySession()).sig
    }

    @Test(arguments: [KeyUsage.signing, .legacy], [512, 1024, 2048] as [UInt32])
    func aDigestIsSignedInADigestInfo(_ usage: KeyUsage, _ bits: UInt32) throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(OwnedTPM.template(usage, bits: bits, sigScheme: .rsassaPKCS1v15SHA1))
        let digest = Digest(repeating: 0x3c)
        let signature = try sign(digest.bytes, key, tpm)
        #expect(signature.count == Int(bits / 8))
        #expect(try tpm.publicKey(key).verifyPKCS1(digestInfo: digestInfo(digest), signature: signature))
    }

    @Test func onlyTwentyBytesAreADigest() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(OwnedTPM.template(.signing, bits: 512))
        for size in [1, 19, 21, 53, 2048] {
            let request = Sign.Request(keyHandle: key, areaToSign: [UInt8](repeating: 1, count: size))
            #expect(tpm.code(Sign.self, request, try tpm.keySession()) == .badParameter)
        }
    }

    @Test(arguments: [KeyUsage.signing, .legacy])
    func anythingThatFitsIsSignedAsItIs(_ usage: KeyUsage) throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(OwnedTPM.template(usage, bits: 512, sigScheme: .rsassaPKCS1v15DER))
        for size in [1, 20, 35, 53] {
            let area = [UInt8](repeating: 0x77, count: size)
            #expect(try tpm.publicKey(key).verifyPKCS1(digestInfo: area, signature: try sign(area, key, tpm)))
        }
        // 64 bytes less 11 of padding.
        let request = Sign.Request(keyHandle: key, areaToSign: [UInt8](repeating: 1, count: 54))
        #expect(tpm.code(Sign.self, request, try tpm.keySession()) == .badParameter)
    }

    @Test func theInfoSchemeSignsTheCallersNonceWithTheArea() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(OwnedTPM.template(.signing, bits: 512, sigScheme: .rsassaPKCS1v15INFO))
        for area in [[1], [UInt8](repeating: 9, count: 2000)] {
            let session = try tpm.keySession()
            let nonceOdd = session.nonceOdd
            let signature = try tpm.client.execute(
                Sign.self, .init(keyHandle: key, areaToSign: area), session
            ).sig
            // TPM_SIGN_INFO: tag, "SIGN", replay, dataLen, data (Part 2, 5.14).
            let info = [0x00, 0x05, 0x53, 0x49, 0x47, 0x4e] + nonceOdd.bytes + be32(UInt32(area.count)) + area
            #expect(
                try tpm.publicKey(key).verifyPKCS1(digestInfo: digestInfo(SHA1.hash(info)), signature: signature))
        }
    }

    @Test func theInfoSchemeNeedsANonce() throws {
        let tpm = OwnedTPM()
        let info = try tpm.newKey(
            OwnedTPM.template(.signing, bits: 512, authDataUsage: .never, sigScheme: .rsassaPKCS1v15INFO))
        #expect(tpm.code(Sign.self, .init(keyHandle: info, areaToSign: [1])) == .badParameter)
        #expect(tpm.code(Sign.self, .init(keyHandle: info, areaToSign: [1]), try tpm.keySession()) == .success)
        let sha1 = try tpm.newKey(OwnedTPM.template(.signing, bits: 512, authDataUsage: .never))
        let area = [UInt8](repeating: 1, count: 20)
        #expect(tpm.code(Sign.self, .init(keyHandle: sha1, areaToSign: area)) == .success)
    }

    @Test(arguments: [AuthDataUsage.always, .noReadPubkeyAuth])
    func toSignNeedsTheSecret(_ usage: AuthDataUsage) throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(OwnedTPM.template(.signing, bits: 512, authDataUsage: usage))
        let request = Sign.Request(keyHandle: key, areaToSign: [UInt8](repeating: 1, count: 20))
        #expect(tpm.code(Sign.self, request) == .authFail)
        #expect(tpm.code(Sign.self, request, try tpm.srkSession()) == .authFail)
        #expect(tpm.code(Sign.self, request, try tpm.keyOSAP(key)) == .success)
        #expect(tpm.code(Sign.self, request, try tpm.srkOSAP()) == .authFail)
    }

    @Test func nothingToSignIsBadParameter() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(OwnedTPM.template(.signing, bits: 512))
        #expect(tpm.code(Sign.self, .init(keyHandle: key, areaToSign: []), try tpm.keySession()) == .badParameter)
        #expect(tpm.code(Sign.self, .init(keyHandle: key, areaToSign: []), try tpm.srkSession()) == .authFail)
    }

    @Test(arguments: [KeyUsage.storage, .bind, .migrate])
    func onlySigningAndLegacyKeysSign(_ usage: KeyUsage) throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(OwnedTPM.template(usage))
        let request = Sign.Request(keyHandle: key, areaToSign: [UInt8](repeating: 1, count: 20))
        #expect(tpm.code(Sign.self, request, try tpm.keySession()) == .invalidKeyUsage)
    }

    @Test func anIdentityKeyDoesNotSignWhatItIsGiven() throws {
        let tpm = OwnedTPM()
        let pair = try RSAKeyGenerator.generate(bits: 2048, random: SeededRandom(seed: 2))
        let proof = try #require(tpm.tpm.state.permanent.blobSecrets?.tpmProof)
        let identity = try tpm.load(
            try tpm.wrapped(
                OwnedTPM.template(.identity), modulus: pair.modulus, prime: pair.p.bytes, migrationAuth: proof))
        let request = Sign.Request(keyHandle: identity, areaToSign: [UInt8](repeating: 1, count: 20))
        #expect(tpm.code(Sign.self, request, try tpm.keySession()) == .invalidKeyUsage)
    }

    @Test func aKeySignsAtItsPCRsAndLocalitiesOnly() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(
            OwnedTPM.template(.signing, bits: 512, pcrInfo: .long(tpm.pcrInfoLong(16, localities: [.one]))))
        let request = Sign.Request(keyHandle: key, areaToSign: [UInt8](repeating: 1, count: 20))
        #expect(tpm.code(Sign.self, request, try tpm.keySession()) == .badLocality)
        tpm.locality = .one
        #expect(tpm.code(Sign.self, request, try tpm.keySession()) == .success)
        try tpm.extend(16)
        #expect(tpm.code(Sign.self, request, try tpm.keySession()) == .wrongPCRVal)
    }

    @Test func whatAllCommandsShare() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(OwnedTPM.template(.signing, bits: 512))
        let request = Sign.Request(keyHandle: key, areaToSign: [UInt8](repeating: 1, count: 20))
        try check(Sign.self, request, on: tpm, try tpm.keySession())
    }
}

@Suite struct RandomCommandTests {
    @Test func asManyBytesAsAskedForButNoMoreThanFitAnAnswer() throws {
        let tpm = OwnedTPM(.endorsed)
        for (requested, count) in [(UInt32(0), 0), (1, 1), (20, 20), (2048, 2048), (2049, 2048), (.max, 2048)] {
            let random = try tpm.client.execute(GetRandom.self, .init(bytesRequested: requested)).randomBytes
            #expect(random.count == count)
        }
    }

    @Test func noTwoAnswersAreTheSame() throws {
        let tpm = OwnedTPM(.endorsed)
        let answers = try (0..<20).map { _ in
            try tpm.client.execute(GetRandom.self, .init(bytesRequested: 16)).randomBytes
        }
        #expect(Set(answers.map(\.bytes)).count == 20)
    }

    @Test func aSourceThatFailsIsFailAndGivesNothing() throws {
        let tpm = OwnedTPM(.endorsed)
        let random = TestRandom(seed: Array("breaks".utf8))
        tpm.tpm.environment.random = random
        #expect(tpm.code(GetRandom.self, .init(bytesRequested: 8)) == .success)
        random.fault = .fails
        #expect(tpm.code(GetRandom.self, .init(bytesRequested: 8)) == .fail)
        #expect(tpm.lastOutcome?.response.count == 10)
    }

    @Test func stirTakesUpTo255Bytes() throws {
        let tpm = OwnedTPM(.endorsed)
        for (count, code) in [(0, TPMResult.success), (1, .success), (255, .success), (256, .badParameter)] {
            #expect(tpm.code(StirRandom.self, .init(inData: [UInt8](repeating: 1, count: count))) == code)
        }
    }

    @Test func whatAllCommandsShare() throws {
        let tpm = OwnedTPM()
        try check(GetRandom.self, .init(bytesRequested: 8), on: tpm)
        try check(StirRandom.self, .init(inData: [1, 2, 3]), on: tpm)
    }
}
