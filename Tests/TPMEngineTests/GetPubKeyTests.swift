import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

@Suite struct GetPubKeyTests {
    @Test func thePublicPartOfALoadedKey() throws {
        let tpm = OwnedTPM()
        for usage in [KeyUsage.signing, .storage, .bind, .legacy] {
            let blob = try tpm.create(OwnedTPM.template(usage))
            let key = try tpm.load(blob)
            let pubKey = try tpm.client.execute(
                GetPubKey.self, .init(keyHandle: key), try tpm.keySession()
            ).pubKey
            #expect(pubKey == blob.pubkey)
        }
    }

    @Test func theSRKIsReadWhenTheFlagAllowsItAndTheSecretIsKnown() throws {
        let tpm = OwnedTPM()
        let request = GetPubKey.Request(keyHandle: .srk)
        #expect(tpm.code(GetPubKey.self, request, try tpm.srkSession()) == .invalidKeyHandle)
        // The authorization comes first (Part 3, 10.6 actions 1 and 3).
        #expect(tpm.code(GetPubKey.self, request, try tpm.keySession()) == .authFail)
        #expect(tpm.code(GetPubKey.self, request) == .authFail)
        tpm.tpm.state.permanent.flags.readSRKPub = true
        let pubKey = try tpm.client.execute(GetPubKey.self, request, try tpm.srkSession()).pubKey
        #expect(pubKey == tpm.tpm.state.permanent.ownership?.srk.key.pubkey)
    }

    @Test func withoutASessionAKeyThatAllowsReading() throws {
        let tpm = OwnedTPM()
        for (usage, code) in [
            (AuthDataUsage.never, TPMResult.success), (.always, .authFail), (.noReadPubkeyAuth, .success),
        ] {
            let key = try tpm.newKey(OwnedTPM.template(.signing, bits: 512, authDataUsage: usage))
            #expect(tpm.code(GetPubKey.self, .init(keyHandle: key)) == code)
            // A session that comes is checked all the same (Part 2, 5.9).
            #expect(tpm.code(GetPubKey.self, .init(keyHandle: key), try tpm.srkSession()) == .authFail)
            #expect(tpm.code(GetPubKey.self, .init(keyHandle: key), try tpm.keySession()) == .success)
        }
    }

    @Test func thePCRsCountUnlessTheKeySaysOtherwise() throws {
        let tpm = OwnedTPM()
        let strict = try tpm.newKey(OwnedTPM.template(.signing, bits: 512, pcrInfo: .long(tpm.pcrInfoLong(1))))
        let lenient = try tpm.newKey(
            OwnedTPM.template(.signing, bits: 512, flags: .pcrIgnoredOnRead, pcrInfo: .long(tpm.pcrInfoLong(1))))
        #expect(tpm.code(GetPubKey.self, .init(keyHandle: strict), try tpm.keySession()) == .success)
        try tpm.extend(1)
        #expect(tpm.code(GetPubKey.self, .init(keyHandle: strict), try tpm.keySession()) == .wrongPCRVal)
        #expect(tpm.code(GetPubKey.self, .init(keyHandle: strict), try tpm.srkSession()) == .authFail)
        #expect(tpm.code(GetPubKey.self, .init(keyHandle: lenient), try tpm.keySession()) == .success)
        // To use the key is another matter.
        let sign = Sign.Request(keyHandle: lenient, areaToSign: [UInt8](repeating: 0, count: 20))
        #expect(tpm.code(Sign.self, sign, try tpm.keySession()) == .wrongPCRVal)
    }

    @Test func theLocalityCountsUnlessTheKeySaysOtherwise() throws {
        let tpm = OwnedTPM()
        let strict = try tpm.newKey(
            OwnedTPM.template(.signing, bits: 512, pcrInfo: .long(tpm.pcrInfoLong(localities: [.two]))))
        let lenient = try tpm.newKey(
            OwnedTPM.template(
                .signing, bits: 512, flags: .pcrIgnoredOnRead, pcrInfo: .long(tpm.pcrInfoLong(localities: [.two]))))
        #expect(tpm.code(GetPubKey.self, .init(keyHandle: strict), try tpm.keySession()) == .badLocality)
        #expect(tpm.code(GetPubKey.self, .init(keyHandle: lenient), try tpm.keySession()) == .success)
        tpm.locality = .two
        #expect(tpm.code(GetPubKey.self, .init(keyHandle: strict), try tpm.keySession()) == .success)
    }

    @Test func noKeyOfThatHandle() throws {
        let tpm = OwnedTPM()
        for handle in [KeyHandle(rawValue: 0), KeyHandle(rawValue: 7), .ek, .owner, KeyHandle(rawValue: .max)] {
            #expect(tpm.code(GetPubKey.self, .init(keyHandle: handle), try tpm.keySession()) == .invalidKeyHandle)
        }
    }

    @Test func whatAllCommandsShare() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(OwnedTPM.template(.signing, bits: 512))
        try check(GetPubKey.self, .init(keyHandle: key), on: tpm, try tpm.keySession())
    }
}
