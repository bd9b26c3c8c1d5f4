import TPMClient
import TPMCrypto
import TPMEngine
import TPMWire
import Testing

/// The client's transport sessions, ticks and audit against the engine.
@Suite struct TransportCallTests {
    private let owner = TappedTPM.owner
    private let srk = TappedTPM.srk
    private let auth = Secret(passphrase: Secret("key"))
    private let nonce = SHA1.hash(Array("fresh".utf8))

    private func storageKey(_ test: TappedTPM) throws -> TransportKey {
        TransportKey(.srk, publicKey: try RSAPublicKey(test.client.storageRootKey(owner: owner)), auth: srk)
    }

    private func contains(_ bytes: [UInt8], _ part: [UInt8]) -> Bool {
        bytes.indices.contains { bytes[$0...].starts(with: part) }
    }

    @Test(arguments: TransportEncryption.allCases)
    func `What goes through an encrypted session is not seen on the way`(encryption: TransportEncryption) throws {
        let test = try TappedTPM.owned()
        let session = try test.client.openTransport(encryption: encryption, key: try storageKey(test))
        let client = test.client.through(session)
        let data = Array("what nobody else may read".utf8)
        try client.defineNV(0x1000, size: UInt32(data.count), permissions: [.ownerWrite, .ownerRead], owner: owner)
        var answers: [[UInt8]] = []
        test.tamper = { answers.append($0) }
        try client.writeNV(0x1000, data, as: .owner(owner))
        #expect(try client.readNV(0x1000, count: UInt32(data.count), as: .owner(owner)) == data)
        #expect(answers.count == 4)
        #expect(!(test.commands + answers).contains { contains($0, data) })
        let plain = test.client.through(try test.client.openTransport())
        try plain.writeNV(0x1000, data, as: .owner(owner))
        #expect(test.commands.contains { contains($0, data) })
        try test.client.close(session)
        #expect(test.openSessions == 0)
    }

    @Test func `An error of the command leaves the session open and one of the session ends it`() throws {
        let test = try TappedTPM.owned()
        let session = try test.client.openTransport()
        let client = test.client.through(session)
        #expect(clientError { try client.pcr(99) } == .tpm(.badIndex, .pcrRead))
        #expect(session.isOpen)
        try test.client.execute(FlushSpecific.self, .init(handle: session.handle, resourceType: .trans))
        #expect(clientError { try client.ticks() } == .tpm(.invalidAuthHandle, .executeTransport))
        #expect(!session.isOpen)
        #expect(clientError { try client.ticks() } == .sessionEnded(.executeTransport))
        #expect(clientError { try test.client.release(session, nonce: nonce, with: .srk) }?.result == nil)
        try test.client.close(session)
    }

    @Test func `An answer that was changed on the way is not believed`() throws {
        // Ticks, locality, the wrapped return code, a wrapped parameter, the nonce and the HMAC.
        for index in [17, 21, 35, 38, 60, 90] {
            let test = try TappedTPM.owned()
            let session = try test.client.openTransport(encryption: .mgf1, key: try storageKey(test))
            test.tamper = { if $0.count > index { $0[index] ^= 1 } }
            let error = clientError { try test.client.through(session).pcr(0) }
            #expect(error == .notAuthentic(.executeTransport) || error == .badResponse(.pcrRead), "byte \(index)")
        }
    }

    @Test func `The last command closes the session on request`() throws {
        let test = try TappedTPM.owned()
        let session = try test.client.openTransport(exclusive: true)
        session.continues = false
        _ = try test.client.through(session).ticks()
        #expect(!session.isOpen)
        #expect(try test.client.handles(of: .trans).isEmpty)
    }

    @Test func `The signed log says what went through and that nothing else did`() throws {
        let test = try TappedTPM.owned()
        let blob = try test.client.createKey(.template(.signing), auth: auth, parentAuth: srk)
        let key = try RSAPublicKey(blob.pubkey)
        let handle = try test.client.load(blob, parentAuth: srk)
        let session = try test.client.openTransport(log: true)
        let client = test.client.through(session)
        _ = try client.pcr(0)
        _ = try client.quote(PCRSelection(indices: [0]), nonce: nonce, with: handle, auth: auth)
        let signed = try test.client.release(session, nonce: nonce, with: handle, auth: auth)
        // Opening, PCRRead, OIAP, Quote, each with its answer, and the release.
        #expect(signed.log.entries.count == 9)
        #expect(signed.isSigned(by: key, nonce: nonce, publicKeys: [handle: blob.pubkey]))
        #expect(!signed.isSigned(by: key, nonce: nonce))
        #expect(!signed.isSigned(by: key, nonce: .zero, publicKeys: [handle: blob.pubkey]))
        #expect(try test.client.handles(of: .trans).isEmpty)
        #expect(test.openSessions == 0)
    }

    @Test func `A stamp proves when a digest was there`() throws {
        let test = try TappedTPM.owned()
        let blob = try test.client.createKey(.template(.signing), auth: auth, parentAuth: srk)
        let key = try RSAPublicKey(blob.pubkey)
        let before = try test.client.ticks()
        let stamp = try test.client.withKey(blob, parentAuth: srk) {
            try test.client.stamp(nonce, nonce: .zero, with: $0, auth: auth)
        }
        #expect(stamp.currentTicks.tickNonce == before.tickNonce)
        #expect(stamp.currentTicks.currentTicks >= before.currentTicks)
        #expect(stamp.isSigned(by: key, digest: nonce, nonce: .zero))
        #expect(!stamp.isSigned(by: key, digest: .zero, nonce: .zero))
    }

    @Test func `The owner chooses what is audited and a key signs the digest`() throws {
        let test = try TappedTPM.owned()
        try test.client.setAudited(.getRandom, true, owner: owner)
        let before = try test.client.auditStatus()
        #expect(before.ordinals.contains(.getRandom))
        _ = try test.client.randomBytes(4)
        let after = try test.client.auditStatus()
        #expect(after.digest != before.digest)
        #expect(after.counter == before.counter)
        let blob = try test.client.createKey(.template(.signing), auth: auth, parentAuth: srk)
        let signed = try test.client.withKey(blob, parentAuth: srk) {
            try test.client.signedAuditDigest(nonce: nonce, with: $0, auth: auth)
        }
        #expect(signed.isSigned(by: try RSAPublicKey(blob.pubkey), nonce: nonce))
        try test.client.setAudited(.getRandom, false, owner: owner)
        #expect(try !test.client.auditStatus().ordinals.contains(.getRandom))
    }

    @Test func `A list of audited commands that does not go on is no answer`() throws {
        let test = try TappedTPM.owned()
        // `more` stands behind the header, 10 bytes of counter and 20 of digest: each list would begin where it did.
        test.tamper = { if $0.count > 40 { $0[40] = 1 } }
        #expect(clientError { try test.client.auditStatus() } == .badResponse(.getAuditDigest))
    }
}
