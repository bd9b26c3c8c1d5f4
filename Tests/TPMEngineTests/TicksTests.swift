import TPMClient
import TPMCrypto
import TPMTesting
import TPMWire
import Testing

@testable import TPMEngine

/// Part 3, 23, and Part 1, 20.
@Suite struct TicksTests {
    private let nonce = Digest(repeating: 0x77)
    private let stamped = Digest(repeating: 0x5a)

    @Test func aTickIsAMicrosecondSinceTheTPMWasSwitchedOn() throws {
        let tpm = OwnedTPM()
        tpm.clock.advance(seconds: 100)
        try tpm.restart()
        tpm.clock.advance(microseconds: 42)
        let ticks = try tpm.client.ticks()
        #expect(ticks.currentTicks == 42)
        #expect(ticks.tickRate == 1)
        tpm.clock.advance(seconds: 1)
        #expect(try tpm.client.ticks().currentTicks == 1_000_042)
        #expect(try tpm.client.ticks().tickNonce == ticks.tickNonce)
    }

    @Test func everyPowerOnBeginsATickSessionWithItsOwnNonce() throws {
        let tpm = OwnedTPM()
        var nonces: Set<Digest> = [try tpm.client.ticks().tickNonce]
        for type in [StartupType.clear, .state] {
            try tpm.client.execute(SaveState.self, .init())
            try tpm.restart(type)
            nonces.insert(try tpm.client.ticks().tickNonce)
        }
        #expect(nonces.count == 3)
        #expect(!nonces.contains(.zero))
    }

    @Test func aClockThatGoesBackBeginsAnother() throws {
        let tpm = OwnedTPM()
        tpm.clock.advance(seconds: 10)
        let before = try tpm.client.ticks()
        // As when the TPM goes on on another host.
        let other = HandClock()
        other.advance(seconds: 7)
        tpm.tpm.environment.clock = other
        let after = try tpm.client.ticks()
        #expect(after.currentTicks == 0)
        #expect(after.tickNonce != before.tickNonce)
        other.advance(microseconds: 5)
        #expect(try tpm.client.ticks() == CurrentTicks(currentTicks: 5, tickRate: 1, tickNonce: after.tickNonce))
    }

    @Test func theTicksOfTheOwnerGoWithTheOwner() throws {
        let tpm = OwnedTPM()
        tpm.clock.advance(seconds: 10)
        let before = try tpm.client.ticks()
        try tpm.changeOwner()
        let after = try tpm.client.ticks()
        #expect(after.currentTicks == 0)
        #expect(after.tickNonce != before.tickNonce)
    }

    @Test(arguments: [KeyUsage.signing, .legacy], [SigScheme.rsassaPKCS1v15SHA1, .rsassaPKCS1v15INFO])
    func aStampSignsTheDigestWithTheTicks(_ usage: KeyUsage, _ scheme: SigScheme) throws {
        guard usage.allowedSigSchemes.contains(scheme) else { return }
        let tpm = OwnedTPM()
        let key = try tpm.newKey(OwnedTPM.template(usage, bits: 512, sigScheme: scheme))
        tpm.clock.advance(microseconds: 0x0102_0304)
        let stamp = try tpm.client.stamp(stamped, nonce: nonce, with: key, auth: OwnedTPM.keyAuth)
        #expect(stamp.currentTicks == (try tpm.client.ticks()))
        // TPM_SIGN_INFO: tag, "TSTP", replay, dataLen, the digest and TPM_CURRENT_TICKS of 32 bytes.
        let ticks = [0, 0x14, 0, 0, 0, 0, 1, 2, 3, 4, 0, 1] + stamp.currentTicks.tickNonce.bytes
        let info = [0, 5, 0x54, 0x53, 0x54, 0x50] + nonce.bytes + be32(52) + stamped.bytes + ticks
        let signer = try tpm.publicKey(key)
        #expect(signer.verifyPKCS1(digestInfo: digestInfo(SHA1.hash(info)), signature: stamp.sig))
        #expect(stamp.isSigned(by: signer, digest: stamped, nonce: nonce))
        #expect(!stamp.isSigned(by: signer, digest: stamped, nonce: .zero))
        #expect(!stamp.isSigned(by: signer, digest: .zero, nonce: nonce))
    }

    @Test func theKeyIsOneThatAttests() throws {
        let tpm = OwnedTPM()
        let request = { TickStampBlob.Request(keyHandle: $0, antiReplay: .zero, digestToStamp: .zero) }
        for (usage, scheme, code) in [
            (KeyUsage.signing, SigScheme.rsassaPKCS1v15DER, TPMResult.inappropriateSig),
            (.storage, .none, .invalidKeyUsage), (.bind, .none, .invalidKeyUsage),
        ] {
            let key = try tpm.newKey(OwnedTPM.template(usage, sigScheme: scheme))
            #expect(tpm.code(TickStampBlob.self, request(key), try tpm.keySession()) == code)
            #expect(tpm.code(TickStampBlob.self, request(key), try tpm.srkSession(continues: false)) == .authFail)
        }
        let open = try tpm.newKey(OwnedTPM.template(.signing, bits: 512, authDataUsage: .never))
        #expect(tpm.code(TickStampBlob.self, request(open)) == .success)
        #expect(tpm.code(TickStampBlob.self, request(KeyHandle(rawValue: 5))) == .invalidKeyHandle)
        let bound = try tpm.newKey(OwnedTPM.template(.signing, bits: 512, pcrInfo: .long(tpm.pcrInfoLong(16))))
        try tpm.extend(16)
        #expect(tpm.code(TickStampBlob.self, request(bound), try tpm.keySession()) == .wrongPCRVal)
    }

    @Test func whatAllCommandsShare() throws {
        let tpm = OwnedTPM()
        try check(GetTicks.self, .init(), on: tpm)
        let key = try tpm.newKey(OwnedTPM.template(.signing, bits: 512))
        try check(
            TickStampBlob.self, .init(keyHandle: key, antiReplay: nonce, digestToStamp: stamped), on: tpm,
            try tpm.keySession())
    }
}
