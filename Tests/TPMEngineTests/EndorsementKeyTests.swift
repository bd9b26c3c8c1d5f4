import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

/// The endorsement key (Part 3, 14).
@Suite struct EndorsementKeyTests {
    private let antiReplay = Digest(repeating: 0x21)

    private var create: CreateEndorsementKeyPair.Request {
        .init(antiReplay: antiReplay, keyInfo: OwnedTPM.endorsementKeyInfo)
    }

    private func createRevocable(generate: Bool) -> CreateRevocableEK.Request {
        .init(
            antiReplay: antiReplay, keyInfo: OwnedTPM.endorsementKeyInfo, generateReset: generate,
            inputEKreset: OwnedTPM.keyAuth)
    }

    @Test func theSharedChecksPass() throws {
        let new = OwnedTPM(.started)
        // A truncated parameter block is one of a wrong property.
        let sizeErrors: Set<TPMResult> = [.badParamSize, .badKeyProperty]
        try check(CreateEndorsementKeyPair.self, create, on: new, sizeErrors: sizeErrors)
        try check(CreateRevocableEK.self, createRevocable(generate: true), on: new, sizeErrors: sizeErrors)
        let endorsed = OwnedTPM(.endorsed)
        endorsed.physicalPresence = true
        try check(ReadPubek.self, .init(antiReplay: antiReplay), on: endorsed)
        try check(RevokeTrust.self, .init(ekReset: OwnedTPM.ekReset), on: endorsed)
        let owned = OwnedTPM()
        try check(OwnerReadInternalPub.self, .init(keyHandle: .ek), on: owned, try owned.ownerSession())
        try check(OwnerReadInternalPub.self, .init(keyHandle: .srk), on: owned, try owned.ownerOSAP())
    }

    @Test func aNewKeyComesWithAChecksumAndCannotBeRevoked() throws {
        let tpm = OwnedTPM(.started)
        let made = try tpm.client.execute(CreateEndorsementKeyPair.self, create)
        #expect(made.pubEndorsementKey.algorithmParms.encScheme == .rsaesOAEPSHA1MGF1)
        #expect(made.pubEndorsementKey.algorithmParms.sigScheme == .none)
        #expect(made.pubEndorsementKey.pubKey.key.count == 256)
        #expect(made.checksum == SHA1.hash(try made.pubEndorsementKey.encoded() + antiReplay.bytes))
        let permanent = tpm.tpm.state.permanent
        #expect(permanent.flags.cekpUsed)
        #expect(!permanent.flags.enableRevokeEK)
        #expect(permanent.daa != nil)
        tpm.physicalPresence = true
        #expect(tpm.code(RevokeTrust.self, .init(ekReset: Secret(count: 20))) == .permanentEK)
    }

    @Test func theSchemesOfTheParametersDoNotMatter() throws {
        let tpm = OwnedTPM(.started)
        var request = create
        request.keyInfo.encScheme = .none
        request.keyInfo.sigScheme = .rsassaPKCS1v15SHA1
        let made = try tpm.client.execute(CreateEndorsementKeyPair.self, request)
        #expect(made.pubEndorsementKey.algorithmParms == OwnedTPM.endorsementKeyInfo)
    }

    @Test func aSecondKeyIsRefusedBeforeItsParametersAreLookedAt() {
        let tpm = OwnedTPM(.endorsed)
        var request = create
        request.keyInfo.parms = .rsa(RSAKeyParms(keyLength: 1024, numPrimes: 2, exponent: []))
        #expect(tpm.code(CreateEndorsementKeyPair.self, request) == .disabledCmd)
        #expect(tpm.code(CreateRevocableEK.self, createRevocable(generate: false)) == .disabledCmd)
    }

    @Test func aKeyBelow2048BitsIsRefused() {
        let tpm = OwnedTPM(.started)
        var request = create
        request.keyInfo.parms = .rsa(RSAKeyParms(keyLength: 1024, numPrimes: 2, exponent: []))
        #expect(tpm.code(CreateEndorsementKeyPair.self, request) == .badKeyProperty)
        #expect(tpm.tpm.state.permanent.endorsementKey == nil)
    }

    @Test func thePasswordOfARevocableKeyComesFromTheCallerOrTheTPM() throws {
        let given = OwnedTPM(.started)
        #expect(
            try given.client.execute(CreateRevocableEK.self, createRevocable(generate: false)).outputEKreset
                == OwnedTPM.keyAuth)
        let generating = OwnedTPM(.started)
        let generated = try generating.client.execute(CreateRevocableEK.self, createRevocable(generate: true))
        #expect(generated.outputEKreset != OwnedTPM.keyAuth)
        #expect(generating.tpm.state.permanent.ekReset == generated.outputEKreset)
        #expect(generating.tpm.state.permanent.flags.enableRevokeEK)
    }

    @Test func revocationTakesThePasswordAndPresence() {
        let tpm = OwnedTPM(.endorsed)
        #expect(tpm.code(RevokeTrust.self, .init(ekReset: OwnedTPM.keyAuth)) == .authFail)
        #expect(tpm.code(RevokeTrust.self, .init(ekReset: OwnedTPM.ekReset)) == .badPresence)
        #expect(tpm.tpm.state.permanent.endorsementKey != nil)
    }

    @Test func revocationClearsTheOwnerAndAllThatCameWithTheKey() throws {
        let tpm = OwnedTPM()
        tpm.physicalPresence = true
        tpm.tpm.state.permanent.flags.nvLocked = true
        var info = NVDataPublic()
        info.permission = NVAttributes(attributes: [.authRead])
        for index in [UInt32(0x1000_0002), 0x0001_0001] {
            info.nvIndex = index
            tpm.tpm.state.permanent.nv.areas[index] = NVArea(pubInfo: info, authValue: Secret(count: 20), data: [])
        }
        #expect(tpm.code(RevokeTrust.self, .init(ekReset: OwnedTPM.ekReset)) == .success)
        let permanent = tpm.tpm.state.permanent
        #expect(!permanent.hasOwner && permanent.endorsementKey == nil && permanent.ekReset == nil)
        #expect(permanent.daa == nil)
        #expect(!permanent.flags.nvLocked)
        #expect(Array(permanent.nv.areas.keys) == [0x0001_0001])
        tpm.turnOn()
        #expect(tpm.code(ReadPubek.self, .init(antiReplay: .zero)) == .noEndorsement)
    }

    @Test func thePublicPartIsReadUntilThereIsAnOwner() throws {
        let endorsed = OwnedTPM(.endorsed)
        let read = try endorsed.client.execute(ReadPubek.self, .init(antiReplay: antiReplay))
        #expect(read.pubEndorsementKey == endorsed.tpm.state.permanent.endorsementKey?.key.pubkey)
        #expect(read.checksum == SHA1.hash(try read.pubEndorsementKey.encoded() + antiReplay.bytes))
        #expect(OwnedTPM().code(ReadPubek.self, .init(antiReplay: .zero)) == .disabledCmd)
        #expect(OwnedTPM(.started).code(ReadPubek.self, .init(antiReplay: .zero)) == .noEndorsement)
    }

    @Test func theOwnerReadsBothPublicParts() throws {
        let tpm = OwnedTPM()
        let session = try tpm.ownerSession()
        let permanent = tpm.tpm.state.permanent
        let ek = try tpm.client.execute(OwnerReadInternalPub.self, .init(keyHandle: .ek), session)
        #expect(ek.publicPortion == permanent.endorsementKey?.key.pubkey)
        let srk = try tpm.client.execute(OwnerReadInternalPub.self, .init(keyHandle: .srk), session)
        #expect(srk.publicPortion == permanent.ownership?.srk.key.pubkey)
        #expect(tpm.code(OwnerReadInternalPub.self, .init(keyHandle: .owner), session) == .badParameter)
    }
}
