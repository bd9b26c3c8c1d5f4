import TPMCrypto
import TPMTesting
import TPMWire
import Testing

@testable import TPMClient
@testable import TPMEngine

/// The log of a transport session and TPM_ReleaseTransportSigned (Part 3, 24.1 action 8, 24.2 actions 10 and 16, 24.3).
@Suite struct TransportLogTests {
    private let nonce = Digest(repeating: 0x77)

    private func digest(_ session: TransportSession, _ tpm: OwnedTPM) -> Digest? {
        tpm.tpm.state.any.transports[session.handle]?.transDigest
    }

    private func pubkey(_ handle: KeyHandle, _ tpm: OwnedTPM) -> Pubkey? {
        tpm.tpm.state.keys[handle]?.key.pubkey
    }

    @Test func theLogIsWrittenAsTheSpecificationSays() throws {
        let tpm = OwnedTPM()
        tpm.locality = .one
        tpm.clock.advance(microseconds: 5)
        let secret = [UInt8](repeating: 0x66, count: 20)
        let transPublic = TransportPublic(transAttributes: .log, algId: 7, encScheme: 1)
        let opened = try tpm.client.execute(
            EstablishTransport.self,
            .init(encHandle: .transport, transPublic: transPublic, secret: Secret(secret)))
        let tickNonce = opened.currentTicks.tickNonce.bytes
        func ticks(_ count: UInt8) -> [UInt8] { [0, 0x14, 0, 0, 0, 0, 0, 0, 0, count, 0, 1] + tickNonce }
        // TPM_TRANSPORT_LOG_IN is tag 0x10, TPM_TRANSPORT_LOG_OUT 0x11.
        let input = SHA1.hash(be32(0xe6) + [0, 0x1e] + be32(2) + be32(7) + [0, 1] + be32(20) + secret)
        let zeros = [UInt8](repeating: 0, count: 20)
        var log = SHA1.hash(zeros + [0, 0x10] + input.bytes + zeros)
        let output = SHA1.hash(be32(0) + be32(0xe6) + be32(1) + ticks(5) + opened.transNonceEven.bytes)
        log = SHA1.hash(log.bytes + [0, 0x11] + ticks(5) + output.bytes + be32(1))
        #expect(tpm.tpm.state.any.transports[opened.transHandle]?.transDigest == log)

        let session = TransportSession(
            client: tpm.client, transPublic: transPublic,
            session: Session(
                handle: opened.transHandle, nonceEven: opened.transNonceEven, nonceOdd: nonce, key: Secret(secret),
                scheme: nil, continues: true),
            log: try TransportLog(.init(), .init()), tickSession: opened.currentTicks)
        tpm.clock.advance(microseconds: 4)
        let answer = try session.transmit(TPM.bytes(PcrRead.self, .init(pcrIndex: 3)))
        let read = SHA1.hash(be32(0x15) + be32(3))
        log = SHA1.hash(log.bytes + [0, 0x10] + read.bytes + zeros)
        let value = SHA1.hash(be32(0) + be32(0x15) + answer[10...])
        log = SHA1.hash(log.bytes + [0, 0x11] + ticks(9) + value.bytes + be32(1))
        #expect(digest(session, tpm) == log)
    }

    @Test(arguments: [nil] + TransportEncryption.allCases)
    func theSignedLogHoldsEveryCommandWithItsKeys(_ encryption: TransportEncryption?) throws {
        let tpm = OwnedTPM()
        let signing = try tpm.newKey(OwnedTPM.template(.signing))
        let other = try tpm.newKey(OwnedTPM.template(.signing, bits: 512))
        let session = try tpm.transport(encryption, log: true)
        let client = tpm.client.through(session)
        tpm.clock.advance(seconds: 1)
        _ = try client.ticks()
        _ = try client.execute(
            CertifyKey.self, .init(certHandle: signing, keyHandle: other, antiReplay: nonce), try tpm.keySession(),
            try tpm.keySession())
        _ = try client.storageRootKey(owner: tpm.ownerAuth)
        _ = try client.execute(
            SaveContext.self, .init(handle: other.rawValue, resourceType: .key, label: OwnedTPM.label))
        #expect(tpm.error(in: session, PcrRead.self, .init(pcrIndex: 99)) == .tpm(.badIndex, .pcrRead))
        let keys: [KeyHandle: Pubkey] = [
            signing: try #require(pubkey(signing, tpm)), other: try #require(pubkey(other, tpm)),
            .srk: try #require(tpm.tpm.state.permanent.ownership?.srk.key.pubkey),
        ]
        #expect(session.log.digest(publicKeys: keys) == digest(session, tpm))
        #expect(session.log.digest() == nil)
        tpm.clock.advance(seconds: 1)
        let signed = try tpm.client.release(session, nonce: nonce, with: signing, auth: OwnedTPM.keyAuth)
        let key = try tpm.publicKey(signing)
        #expect(signed.isSigned(by: key, nonce: nonce, publicKeys: keys))
        #expect(!signed.isSigned(by: key, nonce: .zero, publicKeys: keys))
        #expect(!signed.isSigned(by: try tpm.publicKey(other), nonce: nonce, publicKeys: keys))
        var swapped = keys
        swapped[other] = keys[signing]
        #expect(!signed.isSigned(by: key, nonce: nonce, publicKeys: swapped))
        #expect(!session.isOpen)
        #expect(tpm.transports.isEmpty)
    }

    @Test func theSessionProtocolsLogNeitherOperandsNorKeys() throws {
        let tpm = OwnedTPM()
        let session = try tpm.transport(log: true)
        let client = tpm.client.through(session)
        _ = try client.oiap(tpm.ownerAuth)
        _ = try client.osap(.keyHandle, KeyHandle.srk.rawValue, secret: tpm.srkAuth)
        let expected: [TransportLog.Entry] = [
            .command(parameters: SHA1.hash(be32(0x0a)), keys: []),
            .command(parameters: SHA1.hash(be32(0x0b)), keys: []),
        ]
        #expect([session.log.entries[2], session.log.entries[4]] == expected)
        #expect(session.log.digest() == digest(session, tpm))
    }

    @Test func aKeyThatIsNotThereCannotBeLogged() throws {
        let tpm = OwnedTPM()
        let request = Sign.Request(keyHandle: KeyHandle(rawValue: 5), areaToSign: [1])
        let plain = try tpm.transport()
        #expect(tpm.error(in: plain, Sign.self, request) == .tpm(.invalidKeyHandle, .sign))
        let logged = try tpm.transport(log: true)
        #expect(tpm.error(in: logged, Sign.self, request) == .tpm(.invalidKeyHandle, .executeTransport))
        #expect(tpm.transports == [plain.handle])
    }

    // MARK: TPM_ReleaseTransportSigned

    private func release(
        _ session: TransportSession, _ key: KeyHandle, _ tpm: OwnedTPM, auth: Secret? = OwnedTPM.keyAuth
    ) -> TPMResult? {
        tpm.result { _ = try tpm.client.release(session, nonce: nonce, with: key, auth: auth) }
    }

    @Test func aSessionWithoutALogIsBadMode() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(OwnedTPM.template(.signing, bits: 512))
        #expect(release(try tpm.transport(), key, tpm) == .badMode)
        #expect(tpm.transports.isEmpty)
    }

    @Test func theKeySignsWithAHashAndIsNothingButASigningKey() throws {
        let tpm = OwnedTPM()
        for (usage, scheme, code) in [
            (KeyUsage.signing, SigScheme.rsassaPKCS1v15SHA1, TPMResult.success),
            (.signing, .rsassaPKCS1v15INFO, .success), (.signing, .rsassaPKCS1v15DER, .inappropriateSig),
            (.legacy, .rsassaPKCS1v15SHA1, .invalidKeyUsage), (.storage, .none, .inappropriateSig),
            (.bind, .none, .inappropriateSig),
        ] {
            let key = try tpm.newKey(OwnedTPM.template(usage, sigScheme: scheme))
            #expect(release(try tpm.transport(log: true), key, tpm) == code, "\(usage) \(scheme)")
            try tpm.flush(key)
        }
        #expect(release(try tpm.transport(log: true), KeyHandle(rawValue: 5), tpm) == .invalidKeyHandle)
    }

    @Test func bothSecretsAreNeeded() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(OwnedTPM.template(.signing, bits: 512))
        let session = try tpm.transport(log: true)
        #expect(release(session, key, tpm, auth: tpm.srkAuth) == .authFail)
        // The failure ended the transport session as well as the other.
        #expect(tpm.transports.isEmpty)
        #expect(tpm.tpm.state.permanent.failedAuthorizations == 1)
        let other = try tpm.transport(log: true)
        let forged = Session(
            handle: other.handle, nonceEven: other.session.nonceEven, nonceOdd: other.session.nonceOdd,
            key: Secret(count: 20), scheme: nil, continues: true)
        let request = ReleaseTransportSigned.Request(keyHandle: key, antiReplay: nonce)
        let auth = try tpm.keySession()
        #expect(tpm.code(ReleaseTransportSigned.self, request, auth, forged) == .auth2Fail)
        #expect(tpm.transports.isEmpty)
        #expect(tpm.tpm.state.any.sessions[auth.handle] == nil)
        #expect(tpm.tpm.state.permanent.failedAuthorizations == 1)
    }

    @Test func aKeyWithoutAuthorizationNeedsTheTransportSessionAlone() throws {
        let tpm = OwnedTPM()
        let open = try tpm.newKey(OwnedTPM.template(.signing, bits: 512, authDataUsage: .never))
        #expect(release(try tpm.transport(log: true), open, tpm, auth: nil) == .success)
        let closed = try tpm.newKey(OwnedTPM.template(.signing, bits: 512))
        #expect(release(try tpm.transport(log: true), closed, tpm, auth: nil) == .authFail)
        let session = try tpm.transport(log: true)
        let forged = Session(
            handle: session.handle, nonceEven: session.session.nonceEven, nonceOdd: session.session.nonceOdd,
            key: Secret(count: 20), scheme: nil, continues: true)
        let request = ReleaseTransportSigned.Request(keyHandle: open, antiReplay: nonce)
        #expect(tpm.code(ReleaseTransportSigned.self, request, forged) == .auth2Fail)
    }

    @Test func anAuthorizationSessionIsNoTransportSession() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(OwnedTPM.template(.signing, bits: 512))
        let request = ReleaseTransportSigned.Request(keyHandle: key, antiReplay: nonce)
        let result = tpm.code(ReleaseTransportSigned.self, request, try tpm.keySession(), try tpm.keySession())
        #expect(result == .invalidAuthHandle)
    }

    @Test func theLogOfAnExclusiveSessionIsSignedFromWithin() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(OwnedTPM.template(.signing, bits: 512))
        let session = try tpm.transport(log: true, exclusive: true)
        let auth = try tpm.client.through(session).oiap(OwnedTPM.keyAuth)
        let request = ReleaseTransportSigned.Request(keyHandle: key, antiReplay: nonce)
        #expect(tpm.code(ReleaseTransportSigned.self, request, auth, session.session) == .success)
        // An authorization session that is opened outside ends it first.
        #expect(release(try tpm.transport(log: true, exclusive: true), key, tpm) == .invalidAuthHandle)
    }

    @Test func aBreakInTheTicksEndsTheSessionsWithALog() throws {
        let tpm = OwnedTPM()
        tpm.clock.advance(seconds: 10)
        let logged = try tpm.transport(log: true)
        let plain = try tpm.transport()
        // The state goes on with another clock.
        tpm.tpm.environment.clock = HandClock()
        _ = try tpm.client.ticks()
        #expect(tpm.transports == [plain.handle])
        #expect(tpm.error(in: logged, GetTicks.self, .init()) == .tpm(.invalidAuthHandle, .executeTransport))
    }

    @Test func whatAllCommandsShare() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(OwnedTPM.template(.signing, bits: 512))
        let session = try tpm.transport(log: true)
        try check(
            ReleaseTransportSigned.self, .init(keyHandle: key, antiReplay: nonce), on: tpm, try tpm.keySession(),
            session.session, except: [.wrongSecret, .replay, .unknownSession])
    }
}
