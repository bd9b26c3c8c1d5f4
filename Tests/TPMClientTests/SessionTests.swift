import TPMClient
import TPMCrypto
import TPMEngine
import TPMWire
import Testing

@Suite struct SessionTests {
    private let trailer = 41

    @Test func `A session serves one command after another, with a new nonce from either side each time`() throws {
        let test = try TappedTPM.owned()
        let session = try test.client.oiap(TappedTPM.owner, continues: true)
        var nonces: Set<Digest> = [session.nonceEven, session.nonceOdd]
        for _ in 0..<3 {
            try test.client.execute(OwnerReadInternalPub.self, .init(keyHandle: .srk), session)
            nonces.formUnion([session.nonceEven, session.nonceOdd])
        }
        #expect(nonces.count == 8)
        #expect(session.isOpen)
        try test.client.close(session)
        #expect(test.openSessions == 0)
    }

    @Test func `A session that is not to go on is over on both sides`() throws {
        let test = try TappedTPM.owned()
        let session = try test.client.oiap(TappedTPM.owner)
        try test.client.execute(OwnerReadInternalPub.self, .init(keyHandle: .srk), session)
        #expect(!session.isOpen)
        #expect(test.openSessions == 0)
        let sent = test.commands.count
        #expect(
            clientError { try test.client.execute(OwnerReadInternalPub.self, .init(keyHandle: .srk), session) }
                == .sessionEnded(.ownerReadInternalPub))
        #expect(test.commands.count == sent)
    }

    @Test func `A wrong secret is the TPM's error and leaves no session behind`() throws {
        let test = try TappedTPM.owned()
        #expect(
            clientError { try test.client.storageRootKey(owner: .wellKnown) } == .tpm(.authFail, .ownerReadInternalPub))
        #expect(
            clientError { try test.client.unseal(SealedBlob(), keyAuth: TappedTPM.srk) }?.result == .notSealedBlob)
        #expect(
            clientError { try test.client.changeOwner(from: .wellKnown, to: .wellKnown) }?.result == .authFail)
        #expect(test.openSessions == 0)
    }

    @Test func `A request that cannot be encoded leaves no session behind`() throws {
        let test = try TappedTPM.owned()
        #expect(clientError { try test.client.changeOwner(from: TappedTPM.owner, to: Secret("short")) } == .cannotHide)
        #expect(test.openSessions == 0)
    }

    @Test(arguments: [0, 19, 21, 40, 41, 100])
    func `A bit changed on the way, from the last byte back, is not authentic`(distance: Int) throws {
        let test = try TappedTPM.owned()
        test.tamper = { if $0.count > 100 { $0[$0.count - 1 - distance] ^= 0x10 } }
        #expect(
            clientError { try test.client.storageRootKey(owner: TappedTPM.owner) }
                == .notAuthentic(.ownerReadInternalPub)
        )
        test.tamper = { _ in }
        #expect(test.openSessions == 0)
    }

    @Test func `Whether the session goes on is under the HMAC`() throws {
        let test = try TappedTPM.owned()
        test.tamper = { if $0.count > 100 { $0[$0.count - 21] ^= 1 } }
        let session = try test.client.oiap(TappedTPM.owner, continues: true)
        #expect(
            clientError { try test.client.execute(OwnerReadInternalPub.self, .init(keyHandle: .srk), session) }
                == .notAuthentic(.ownerReadInternalPub))
    }

    @Test func `An answer given before is not authentic again`() throws {
        let test = try TappedTPM.owned()
        let session = try test.client.oiap(TappedTPM.owner, continues: true)
        var recorded: [UInt8] = []
        test.tamper = { recorded = $0 }
        try test.client.execute(OwnerReadInternalPub.self, .init(keyHandle: .srk), session)
        test.tamper = { $0 = recorded }
        #expect(
            clientError { try test.client.execute(OwnerReadInternalPub.self, .init(keyHandle: .srk), session) }
                == .notAuthentic(.ownerReadInternalPub))
    }

    @Test func `A session without a shared secret gives no secret away`() throws {
        let test = try TappedTPM.owned()
        let session = try test.client.oiap(TappedTPM.owner)
        #expect(clientError { try session.hide(TappedTPM.srk) } == .cannotHide)
        #expect(clientError { try session.hideSecond(TappedTPM.srk) } == .cannotHide)
        #expect(
            clientError { try session.mask(data: TappedTPM.srk, nonceEven: .zero, nonceOdd: .zero) } == .cannotHide)
    }

    @Test(arguments: [ADIPScheme.xor, .aes128CTR])
    func `New secrets travel encrypted`(scheme: ADIPScheme) throws {
        let test = try TappedTPM.owned()
        let secret = Secret(passphrase: Secret("hidden"))
        let session = try test.client.osap(.keyHandle, KeyHandle.srk.rawValue, secret: TappedTPM.srk, scheme: scheme)
        let first = try session.hide(secret)
        let second = try session.hideSecond(secret)
        #expect(first != secret && second != secret && first != second)
        let request = CreateWrapKey.Request(
            parentHandle: .srk, dataUsageAuth: first, dataMigrationAuth: second,
            keyInfo: .template(.signing, bits: 1024))
        let key = try test.client.execute(CreateWrapKey.self, request, session).wrappedKey
        try test.client.withKey(key, parentAuth: TappedTPM.srk) { handle in
            _ = try test.client.sign(.zero, with: handle, auth: secret)
        }
        #expect(test.openSessions == 0)
    }

    @Test func `An answer that is no TPM's is told apart from a TPM's error`() throws {
        let answers: [[UInt8]] = [
            [], [0], [0, 0xc4, 0, 0, 0, 9, 0, 0, 0],
            // paramSize that is not the size, with and without an error
            [0, 0xc4, 0, 0, 0, 11, 0, 0, 0, 0], [0, 0xc4, 0, 0, 0, 11, 0, 0, 0, 1],
            [0, 0xc4, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0],
            // a request's tag, a tag with sessions that were not sent, an error with a body
            [0, 0xc1, 0, 0, 0, 10, 0, 0, 0, 0], [0, 0xc5, 0, 0, 0, 10, 0, 0, 0, 1],
            [0, 0xc4, 0, 0, 0, 11, 0, 0, 0, 1, 0],
            // operands missing, and too many
            [0, 0xc4, 0, 0, 0, 10, 0, 0, 0, 0], [0, 0xc4, 0, 0, 0, 31] + [UInt8](repeating: 0, count: 25),
        ]
        for answer in answers {
            let client = TPMClient(InProcessTransport { _ in answer })
            #expect(clientError { try client.pcr(0) } == .badResponse(.pcrRead), "\(answer)")
        }
        for answer in answers {
            let test = try TappedTPM.owned()
            let session = try test.client.oiap(TappedTPM.owner)
            test.tamper = { $0 = answer }
            #expect(
                clientError { try test.client.execute(OwnerClear.self, .init(), session) } == .badResponse(.ownerClear))
        }
        let client = TPMClient(InProcessTransport { _ in [0, 0xc4, 0, 0, 0, 10, 0, 0, 0, 2] })
        #expect(clientError { try client.pcr(0) } == .tpm(.badIndex, .pcrRead))
    }

    @Test func `Whatever is made of the answers, the client ends with an answer or an error of its own`() throws {
        let test = try TappedTPM.owned()
        let random = SeededRandom(seed: 7)
        var changes = 0
        test.tamper = { answer in
            guard let draw = try? random.uint32(), draw % 3 == 0, !answer.isEmpty else { return }
            changes += 1
            let position = Int(draw >> 8) % answer.count
            switch draw >> 4 & 3 {
            case 0: answer.removeLast(position)
            case 1: answer += [UInt8](repeating: UInt8(draw >> 24), count: position)
            case 2: answer[position] ^= UInt8(1 << (draw >> 28 & 7))
            default: answer[position] = 0xff
            }
            // Half of the answers say of themselves how long they are.
            if draw & 0x40 != 0, answer.count > 6 {
                answer.replaceSubrange(4..<6, with: [UInt8(answer.count >> 8), UInt8(answer.count & 0xff)])
            }
        }
        let calls: [(TPMClient) throws -> Any] = [
            { try $0.endorsementKey(owner: TappedTPM.owner) }, { try $0.pcr(1) }, { try $0.permanentFlags() },
            { try $0.lockout() }, { try $0.handles(of: .auth) }, { try $0.nvIndices() }, { try $0.randomBytes(9) },
            { try $0.versionInfo() }, { try $0.seal(Secret("x"), keyAuth: TappedTPM.srk) }, { try $0.hasOwner() },
        ]
        for _ in 0..<100 {
            for call in calls {
                do { _ = try call(test.client) } catch { #expect(error is ClientError, "\(error)") }
            }
        }
        #expect(changes > 300)
    }

    @Test func `More than two sessions are no command`() throws {
        let test = try TappedTPM.owned()
        let sessions = try (0..<3).map { _ in try test.client.oiap(TappedTPM.owner) }
        #expect(
            clientError { try test.client.execute(OwnerClear.self, .init(), sessions: sessions) }
                == .badRequest(.ownerClear))
    }

    @Test func `An error names itself as the specification does, and says what it means`() {
        let text = ClientError.tpm(.wrongPCRVal, .unseal).description
        #expect(text.contains("TPM_WRONGPCRVAL"))
        #expect(!text.contains("Optional"))
    }
}
