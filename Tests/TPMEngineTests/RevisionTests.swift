import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

/// The revisions in the version of 1.1 structures mean nothing, but digests cover them (Part 2, 5.1).
@Suite struct RevisionTests {
    @Test func aNewKeyHasNoRevisionsWhateverTheTemplateSays() throws {
        let tpm = OwnedTPM()
        var template = OwnedTPM.template(.signing, form: .key11)
        template.rev = 0x0709
        let key = try tpm.create(template)
        #expect(Array(try key.encoded().prefix(4)) == [1, 1, 0, 0])
        #expect(tpm.result { _ = try tpm.load(key) } == .success)
    }

    @Test func aKeyWhoseDigestCoversItsRevisionsLoads() throws {
        let tpm = OwnedTPM()
        var key = try tpm.create(OwnedTPM.template(.signing, form: .key11))
        let srk = try #require(tpm.tpm.state.permanent.ownership?.srk)
        key.rev = 0x0709
        #expect(tpm.result { _ = try tpm.load(key) } == .authFail)
        // As another TPM may have made it: the digest is that of the bytes with the revisions.
        var inside = try WireDecoder.decode(StoreAsymkey.self, from: try srk.decrypt(key.encData))
        inside.pubDataDigest = SHA1.hash(try key.publicPart())
        key.encData = try srk.encrypt(try inside.encodedSecret(), random: SeededRandom(seed: 1))
        #expect(tpm.result { _ = try tpm.load(key) } == .success)
    }

    @Test func aSealedBlobWhoseRevisionsWereTurnedIsNotOneOfThisTPM() throws {
        let tpm = OwnedTPM()
        let session = try tpm.srkOSAP(continues: false)
        let blob = try tpm.client.execute(
            Seal.self,
            .init(keyHandle: .srk, encAuth: try session.hide(OwnedTPM.keyAuth), pcrInfo: [], inData: Secret([1])),
            session
        ).sealedData
        guard case .storedData(var stored) = blob else {
            Issue.record("not a TPM_STORED_DATA")
            return
        }
        func unseal(_ stored: StoredData) throws -> TPMResult? {
            tpm.code(
                Unseal.self, .init(parentHandle: .srk, inData: .storedData(stored)), try tpm.srkSession(),
                try tpm.client.oiap(OwnedTPM.keyAuth))
        }
        #expect(try unseal(stored) == .success)
        stored.ver.revMinor = 1
        #expect(try unseal(stored) == .notSealedBlob)
    }
}
