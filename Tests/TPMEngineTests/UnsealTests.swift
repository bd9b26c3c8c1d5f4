import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

@Suite struct UnsealTests {
    @Test func whatWasSealedComesBack() throws {
        let tpm = OwnedTPM()
        #expect(try tpm.unseal(try tpm.seal([1, 2, 3])) == [1, 2, 3])
        #expect(try tpm.unseal(try tpm.seal([4], pcrInfo: try tpm.pcrInfo(1).encoded())) == [4])
        #expect(try tpm.unseal(try tpm.seal([5], pcrInfo: try tpm.pcrInfoLong(1).encoded())) == [5])
    }

    @Test func theDataOutlivesThePower() throws {
        let tpm = OwnedTPM()
        let blob = try tpm.seal([1, 2, 3], pcrInfo: try tpm.pcrInfo(1).encoded())
        try tpm.restart()
        #expect(try tpm.unseal(blob) == [1, 2, 3])
    }

    @Test func eachFormChecksThePCRs() throws {
        let tpm = OwnedTPM()
        let old = try tpm.seal([1], pcrInfo: try tpm.pcrInfo(1).encoded())
        let new = try tpm.seal([1], pcrInfo: try tpm.pcrInfoLong(1).encoded())
        try tpm.extend(1)
        for blob in [old, new] {
            #expect(tpm.result { _ = try tpm.unseal(blob) } == .wrongPCRVal)
        }
        try tpm.restart()
        for blob in [old, new] {
            #expect(try tpm.unseal(blob) == [1])
        }
    }

    @Test func theLocalityAtReleaseCountsAndIsCheckedFirst() throws {
        let tpm = OwnedTPM()
        let blob = try tpm.seal([1], pcrInfo: try tpm.pcrInfoLong(1, localities: [.two, .three]).encoded())
        for (locality, expected) in [
            (Locality.zero, TPMResult.badLocality), (.one, .badLocality), (.two, .success), (.three, .success),
            (.four, .badLocality),
        ] {
            tpm.locality = locality
            #expect(tpm.result { _ = try tpm.unseal(blob) } == expected)
        }
        try tpm.extend(1)
        #expect(tpm.result { _ = try tpm.unseal(blob) } == .badLocality)
        tpm.locality = .two
        #expect(tpm.result { _ = try tpm.unseal(blob) } == .wrongPCRVal)
    }

    @Test func theReleaseIsCheckedBeforeTheDatasSecret() throws {
        let tpm = OwnedTPM()
        let blob = try tpm.seal([1], pcrInfo: try tpm.pcrInfo(1).encoded())
        try tpm.extend(1)
        #expect(tpm.result { _ = try tpm.unseal(blob, dataAuth: OwnedTPM.keyAuth) } == .wrongPCRVal)
        #expect(tpm.tpm.state.permanent.failedAuthorizations == 0)
    }

    @Test func aWrongSecretOfTheDataIsAuth2FailAndCounts() throws {
        let tpm = OwnedTPM()
        let blob = try tpm.seal([1])
        #expect(tpm.result { _ = try tpm.unseal(blob, dataAuth: OwnedTPM.keyAuth) } == .auth2Fail)
        #expect(tpm.tpm.state.permanent.failedAuthorizations == 1)
    }

    @Test func withOneSessionTheParentMustNotNeedOne() throws {
        let tpm = OwnedTPM()
        let blob = try tpm.seal([1])
        let session = try tpm.client.oiap(OwnedTPM.dataAuth)
        #expect(tpm.code(Unseal.self, .init(parentHandle: .srk, inData: blob), session) == .authFail)

        let parent = try tpm.newKey(OwnedTPM.template(.storage, authDataUsage: .never))
        let seals = try tpm.keyOSAP(parent)
        var request = try tpm.sealRequest([7], seals)
        request.keyHandle = parent
        let sealed = try tpm.client.execute(Seal.self, request, seals).sealedData
        let unseal = Unseal.Request(parentHandle: parent, inData: sealed)
        let secret = try tpm.client.execute(Unseal.self, unseal, try tpm.client.oiap(OwnedTPM.dataAuth)).secret
        #expect(secret.bytes == [7])
        #expect(tpm.code(Unseal.self, unseal, try tpm.client.oiap(OwnedTPM.keyAuth)) == .authFail)
        // Two sessions are checked, though the key needs none (Part 2, 5.9).
        #expect(
            tpm.code(Unseal.self, unseal, try tpm.srkSession(), try tpm.client.oiap(OwnedTPM.dataAuth)) == .authFail)

        let hides = try tpm.keyOSAP(parent)
        let hidden = try hides.mask(data: Secret([7]), nonceEven: hides.nonceEven, nonceOdd: hides.nonceOdd)
        let sealedx = try tpm.client.execute(
            Sealx.self, .init(keyHandle: parent, encAuth: try hides.hide(OwnedTPM.dataAuth), inData: hidden), hides
        ).sealedData
        // Hidden data does not leave with one session only (Part 3, 10.2 action 9.a).
        #expect(
            tpm.code(
                Unseal.self, .init(parentHandle: parent, inData: sealedx), try tpm.client.oiap(OwnedTPM.dataAuth))
                == .authFail)
    }

    @Test func aBlobThatThisTPMDidNotSealIsNotSealedBlob() throws {
        let tpm = OwnedTPM()
        let blob = try tpm.seal([1], pcrInfo: try tpm.pcrInfo(1).encoded())
        guard case .storedData(let stored) = blob, var info = stored.sealInfo else {
            Issue.record("no TPM_STORED_DATA")
            return
        }
        info.digestAtRelease = Digest(repeating: 1)
        let srk = try tpm.publicKey(.srk)
        let proof = try #require(tpm.tpm.state.permanent.blobSecrets?.tpmProof)
        let public11 = StoredData(sealInfo: nil, encData: [])
        func forged(
            payload: PayloadType = .seal, tpmProof: Secret = proof, digest: Digest? = nil
        ) throws -> SealedBlob {
            let data = SealedData(
                payload: payload, authData: OwnedTPM.dataAuth, tpmProof: tpmProof,
                storedDigest: try digest ?? SHA1.hash(try public11.publicPart()), data: Secret([1]))
            return .storedData(StoredData(sealInfo: nil, encData: try srk.encryptOAEP(try data.encodedSecret())))
        }
        #expect(try tpm.unseal(try forged()) == [1])
        let bad = [
            // What the public part says is not what was sealed.
            SealedBlob.storedData(StoredData(sealInfo: info, encData: stored.encData)),
            .storedData(StoredData(sealInfo: nil, encData: stored.encData)),
            try forged(payload: .bind), try forged(tpmProof: OwnedTPM.keyAuth), try forged(digest: .zero),
            // Nothing that this key can decrypt, or nothing of the right form.
            blob.with(encData: []), blob.with(encData: [1]),
            blob.with(encData: [UInt8](repeating: 1, count: 256)),
            blob.with(encData: [UInt8](repeating: 0xff, count: 256)),
            blob.with(encData: [UInt8](repeating: 1, count: 257)),
            blob.with(encData: try srk.encryptOAEP(Secret([5, 1, 2]))),
            blob.with(encData: try srk.encryptOAEP(Secret([99] + [UInt8](repeating: 0, count: 64)))),
        ]
        for blob in bad {
            #expect(tpm.result { _ = try tpm.unseal(blob) } == .notSealedBlob)
        }
        let other = OwnedTPM(seed: "another TPM")
        other.tpm.state.permanent.blobSecrets = BlobSecrets(
            tpmProof: OwnedTPM.keyAuth, contextKey: Secret(count: 16))
        #expect(other.result { _ = try other.unseal(try tpm.seal([1])) } == .notSealedBlob)
    }

    @Test(arguments: [KeyUsage.signing, .bind, .legacy])
    func onlyAStorageKeyUnseals(_ usage: KeyUsage) throws {
        let tpm = OwnedTPM()
        let blob = try tpm.seal([1])
        let key = try tpm.newKey(OwnedTPM.template(usage))
        #expect(
            tpm.code(
                Unseal.self, .init(parentHandle: key, inData: blob), try tpm.keySession(),
                try tpm.client.oiap(OwnedTPM.dataAuth)) == .invalidKeyUsage)
    }

    @Test func aMigratableKeyDoesNotUnseal() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(OwnedTPM.template(.storage, flags: .migratable))
        #expect(
            tpm.code(
                Unseal.self, .init(parentHandle: key, inData: try tpm.seal([1])), try tpm.keySession(),
                try tpm.client.oiap(OwnedTPM.dataAuth)) == .invalidKeyUsage)
    }

    @Test func anotherVersionIsBadVersion() throws {
        let tpm = OwnedTPM()
        let blob = try tpm.seal([1])
        var bytes = try TPMClient.encode(
            Unseal.self, .init(parentHandle: .srk, inData: blob),
            sessions: [try tpm.srkSession(), try tpm.client.oiap(OwnedTPM.dataAuth)])
        bytes[14] = 9
        #expect(tpm.tpm.code(bytes) == .badVersion)
    }

    @Test func whatAllCommandsShare() throws {
        let tpm = OwnedTPM()
        for info in [[], try tpm.pcrInfo(1).encoded(), try tpm.pcrInfoLong(1).encoded()] {
            let blob = try tpm.seal([1, 2], pcrInfo: info)
            try check(
                Unseal.self, .init(parentHandle: .srk, inData: blob), on: tpm, try tpm.srkSession(),
                try tpm.client.oiap(OwnedTPM.dataAuth))
        }
    }
}
