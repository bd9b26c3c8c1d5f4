import TPMCrypto
import TPMWire
import Testing

@testable import TPMClient
@testable import TPMEngine

/// Part 3, 24.1.
@Suite struct EstablishTransportTests {
    private let secret = Secret([UInt8](repeating: 0x66, count: 20))

    private func transPublic(
        _ attributes: TransportAttributes, _ algorithm: UInt32 = 7, _ scheme: UInt16 = 1
    ) -> TransportPublic {
        TransportPublic(transAttributes: attributes, algId: algorithm, encScheme: scheme)
    }

    /// The operands for the SRK or another key.
    private func request(
        _ tpm: OwnedTPM, _ transPublic: TransportPublic, under key: KeyHandle = .srk, tag: UInt8 = 0x1d
    ) throws -> EstablishTransport.Request {
        let auth = Secret([0, tag] + secret.bytes)
        let encrypted = try tpm.publicKey(key).encryptOAEP(auth, random: SeededRandom(seed: 4))
        return .init(encHandle: key, transPublic: transPublic, secret: Secret(encrypted))
    }

    private func plain(_ transPublic: TransportPublic, _ size: Int = 20) -> EstablishTransport.Request {
        .init(encHandle: .transport, transPublic: transPublic, secret: Secret([UInt8](repeating: 0x66, count: size)))
    }

    @Test func theSessionHasWhatTheCallerChose() throws {
        let tpm = OwnedTPM()
        tpm.locality = .three
        tpm.clock.advance(microseconds: 1234)
        let opened = try tpm.client.execute(
            EstablishTransport.self, try request(tpm, transPublic([.encrypt])), try tpm.srkSession())
        let session = try #require(tpm.tpm.state.any.transports[opened.transHandle])
        #expect(session.authData == secret)
        #expect(session.transPublic == transPublic([.encrypt]))
        #expect(session.transNonceEven == opened.transNonceEven)
        #expect(session.transDigest == .zero)
        #expect(opened.locality == 3)
        #expect(opened.currentTicks.currentTicks == 1234)
    }

    @Test func aSecretInTheClearHidesNothing() throws {
        let tpm = OwnedTPM()
        #expect(tpm.code(EstablishTransport.self, plain(transPublic([.log]))) == .success)
        #expect(tpm.code(EstablishTransport.self, plain(transPublic([.encrypt]))) == .badScheme)
        for size in [0, 19, 21] {
            #expect(tpm.code(EstablishTransport.self, plain(transPublic([]), size)) == .badParamSize)
        }
        let session = try tpm.srkSession()
        #expect(tpm.code(EstablishTransport.self, plain(transPublic([])), session) == .badTag)
        // The command parsed and failed later (Part 2, 16).
        #expect(tpm.tpm.state.any.sessions[session.handle] == nil)
    }

    @Test(arguments: [KeyUsage.signing, .bind])
    func onlyStorageAndLegacyKeysDecryptSecrets(_ usage: KeyUsage) throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(OwnedTPM.template(usage))
        let request = try request(tpm, transPublic([]), under: key)
        #expect(tpm.code(EstablishTransport.self, request, try tpm.keySession()) == .invalidKeyUsage)
    }

    @Test func aLegacyKeyDecryptsWithItsOwnScheme() throws {
        let tpm = OwnedTPM()
        let oaep = try tpm.newKey(OwnedTPM.template(.legacy, bits: 1024))
        let request = try request(tpm, transPublic([.encrypt]), under: oaep)
        #expect(tpm.code(EstablishTransport.self, request, try tpm.keySession()) == .success)
        let pkcs = try tpm.newKey(OwnedTPM.template(.legacy, bits: 1024, encScheme: .rsaesPKCSv15))
        let encrypted = try tpm.publicKey(pkcs).encryptPKCS1(
            Secret([0, 0x1d] + secret.bytes), random: SeededRandom(seed: 5))
        #expect(
            tpm.code(
                EstablishTransport.self,
                .init(encHandle: pkcs, transPublic: transPublic([.encrypt]), secret: Secret(encrypted)),
                try tpm.keySession()) == .success)
    }

    @Test func aKeyWithoutAuthorizationNeedsNoSession() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(OwnedTPM.template(.storage, authDataUsage: .never))
        #expect(tpm.code(EstablishTransport.self, try request(tpm, transPublic([]), under: key)) == .success)
        #expect(tpm.code(EstablishTransport.self, try request(tpm, transPublic([]))) == .authFail)
    }

    @Test func aKeyBoundToRegistersDecryptsAtTheirValuesOnly() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(OwnedTPM.template(.storage, pcrInfo: .long(tpm.pcrInfoLong(16))))
        let request = try request(tpm, transPublic([]), under: key)
        #expect(tpm.code(EstablishTransport.self, request, try tpm.keySession()) == .success)
        try tpm.extend(16)
        #expect(tpm.code(EstablishTransport.self, request, try tpm.keySession()) == .wrongPCRVal)
    }

    @Test func whatTheKeyDoesNotDecryptToASecretIsRefused() throws {
        let tpm = OwnedTPM()
        var request = try request(tpm, transPublic([]), tag: 0x1e)
        #expect(tpm.code(EstablishTransport.self, request, try tpm.srkSession()) == .invalidStructure)
        for (size, code) in [(255, TPMResult.decryptError), (256, .decryptError), (0, .decryptError)] {
            request.secret = Secret([UInt8](repeating: 1, count: size))
            #expect(tpm.code(EstablishTransport.self, request, try tpm.srkSession()) == code)
        }
        for size in [19, 21] {
            let short = Secret([0, 0x1d] + [UInt8](repeating: 1, count: size))
            request.secret = Secret(try tpm.publicKey(.srk).encryptOAEP(short, random: SeededRandom(seed: 4)))
            #expect(tpm.code(EstablishTransport.self, request, try tpm.srkSession()) == .badParamSize)
        }
        request.encHandle = KeyHandle(rawValue: 5)
        #expect(tpm.code(EstablishTransport.self, request, try tpm.srkSession()) == .invalidKeyHandle)
        #expect(tpm.transports.isEmpty)
    }

    @Test func theEncryptionIsOneOfThoseThatTheCapabilitiesName() throws {
        let tpm = OwnedTPM()
        for algorithm in 0...11 as ClosedRange<UInt32> {
            for scheme in 0...6 as ClosedRange<UInt16> {
                let isThere =
                    tpm.isTrue(.transAlg, be32(algorithm)) == true
                    && (algorithm == 7 || tpm.isTrue(.transES, [0, UInt8(scheme)]) == true)
                let expected =
                    isThere ? TPMResult.success : algorithm == 6 ? .inappropriateEnc : .badKeyProperty
                let request = try request(tpm, transPublic([.encrypt], algorithm, scheme))
                #expect(
                    tpm.code(EstablishTransport.self, request, try tpm.srkSession(continues: false)) == expected,
                    "\(algorithm) \(scheme)")
                tpm.tpm.state.any.sessions.closeAll()
                tpm.tpm.state.any.transports.closeAll()
            }
        }
    }

    @Test func underFIPSTheMaskOfMGF1IsNoEncryption() throws {
        let tpm = OwnedTPM()
        tpm.tpm.state.permanent.flags.fips = true
        let mgf1 = try request(tpm, transPublic([.encrypt]))
        #expect(tpm.code(EstablishTransport.self, mgf1, try tpm.srkSession()) == .inappropriateEnc)
        let aes = try request(tpm, transPublic([.encrypt], 6, 4))
        #expect(tpm.code(EstablishTransport.self, aes, try tpm.srkSession()) == .success)
    }

    @Test func thereAreSixteenSessionsWithHandlesOfTheirOwn() throws {
        let tpm = OwnedTPM()
        let sessions = try (0..<16).map { _ in try tpm.transport() }
        #expect(Set(sessions.map(\.handle)).count == 16)
        #expect(try tpm.client.handles(of: .trans) == sessions.map(\.handle))
        #expect(tpm.error { try tpm.transport() }?.result == .resources)
        try tpm.client.close(sessions[3])
        #expect(tpm.error { try tpm.transport() } == nil)
    }

    @Test func whatAllCommandsShare() throws {
        let tpm = OwnedTPM()
        try check(
            EstablishTransport.self, try request(tpm, transPublic([.encrypt, .log])), on: tpm, try tpm.srkSession())
    }
}
