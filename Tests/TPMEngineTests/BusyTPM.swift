import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

/// An owned TPM in the middle of everything that it can be in the middle of at once, reached by commands, and the
/// client's end of each. The last command started a SHA-1 thread, which any other command ends.
final class BusyTPM {
    static let nvIndex: UInt32 = 0x1_0003
    /// What the SHA-1 thread has hashed so far.
    static let hashed = [UInt8](repeating: 0x61, count: 128)

    let tpm = OwnedTPM()
    /// An owner-evict key, between two that are not.
    let kept: KeyHandle
    let signer: KeyHandle
    let counter: UInt32
    let oiap, owner, ofKey, delegated, ofArea: Session
    /// With a log and encryption, and with neither.
    let logged, plain: TransportSession
    /// A join that waits for ``joinRequest``.
    let joinRequest: DAAJoin.Request
    /// Contexts that are outstanding.
    let savedKey, savedSession, savedDelegated, savedTransport, savedJoin: ContextBlob
    let oldKey, oldSession: [UInt8]
    /// The client's ends of what is saved.
    let sessionToLoad, oldSessionToLoad: Session
    let transportToLoad: TransportSession

    init() throws {
        let signing = OwnedTPM.template(.signing, bits: 512, sigScheme: .rsassaPKCS1v15SHA1)
        _ = try tpm.newKey(OwnedTPM.template(.bind, bits: 512))
        kept = try tpm.newKey(signing)
        signer = try tpm.newKey(signing)
        let pubKey = try #require(tpm.tpm.state.keys[kept]).key.pubkey
        try tpm.client.execute(
            KeyControlOwner.self, .init(keyHandle: kept, pubKey: pubKey, bitName: 1, bitValue: true),
            try tpm.ownerSession(continues: false))
        try Self.prepareArea(tpm)
        counter = try tpm.client.createCounter(
            label: Array("busy".utf8), auth: OwnedTPM.keyAuth, owner: tpm.ownerAuth
        ).countID
        _ = try tpm.client.incrementCounter(counter, auth: OwnedTPM.keyAuth)
        let family = try tpm.newFamily()
        let delegation = try tpm.ownerDelegation(.all(.owner), family)
        try tpm.client.load(delegation, row: 1, owner: tpm.ownerAuth)

        try tpm.extend(10)
        tpm.clock.advance(seconds: 3)
        logged = try tpm.transport(.aesCTR, log: true)
        plain = try tpm.transport()
        _ = try tpm.client.through(logged).ticks()

        savedJoin = try tpm.save(try Self.join(tpm, upTo: 2).handle, .daaTPM)
        joinRequest = try Self.join(tpm, upTo: 5)

        savedKey = try tpm.save(signer.rawValue, .key)
        oldKey = try tpm.client.execute(SaveKeyContext.self, .init(keyHandle: try tpm.newKey(signing))).keyContextBlob
        sessionToLoad = try tpm.keyOSAP(signer, continues: true)
        savedSession = try tpm.save(sessionToLoad.handle, .auth)
        oldSessionToLoad = try tpm.keyOSAP(signer, continues: true)
        oldSession = try tpm.client.execute(SaveAuthContext.self, .init(authHandle: oldSessionToLoad.handle))
            .authContextBlob
        savedDelegated = try tpm.save(try tpm.dsap(delegation).handle, .auth)
        transportToLoad = try tpm.transport(.mgf1)
        savedTransport = try tpm.save(transportToLoad.handle, .trans)

        oiap = try tpm.keySession(continues: true)
        owner = try tpm.ownerOSAP(.aes128CTR)
        ofKey = try tpm.keyOSAP(signer, continues: true)
        delegated = try tpm.dsap(row: 1)
        ofArea = try tpm.client.osap(.nv, Self.nvIndex, secret: OwnedTPM.nvAuth, continues: true)
        try tpm.client.setOwnerPointer(row: 1)
        tpm.clock.advance(microseconds: 17)
        try tpm.client.execute(SHA1Start.self, .init())
        try tpm.client.execute(SHA1Update.self, .init(hashData: Self.hashed))
    }

    /// An area that is locked for writing until the next start.
    private static func prepareArea(_ tpm: OwnedTPM) throws {
        tpm.tpm.state.permanent.flags.nvLocked = true
        try tpm.define(.area(nvIndex, [.authRead, .ownerWrite, .writeSTClear], size: 4))
        try tpm.client.writeNV(nvIndex, [1, 2, 3, 4], as: .owner(tpm.ownerAuth))
        try tpm.client.writeNV(nvIndex, [], as: .owner(tpm.ownerAuth))
    }

    /// Opens a join and gives what it waits for at a stage.
    private static func join(_ tpm: OwnedTPM, upTo stage: Int) throws -> DAAJoin.Request {
        let script = try DAAScript<DAAJoin>.join.get()
        _ = try tpm.stage(DAAJoin.self, script.steps[0].request).get()
        let handle = try #require(tpm.daaHandles.last)
        for step in script.steps[1..<stage] { _ = try tpm.stage(DAAJoin.self, step.request.with(handle)).get() }
        return script.steps[stage].request.with(handle)
    }

    /// Goes on with all of it, first with the SHA-1 thread.
    func goOn() throws {
        let digest = try tpm.client.execute(SHA1Complete.self, .init(hashData: [0x61])).hashValue
        #expect(digest == SHA1.hash(BusyTPM.hashed + [0x61]))
        for area in [ResourceType.key, .auth, .trans, .context, .daaTPM, .counter] {
            #expect(try !tpm.client.handles(of: area).isEmpty)
        }
        _ = try tpm.client.pcrs()
        _ = try tpm.client.volatileFlags()
        // Sessions of every kind.
        #expect(tpm.signs(signer, oiap) == .success)
        #expect(tpm.signs(signer, ofKey) == .success)
        #expect(tpm.signs(kept, oiap) == .success)
        #expect(tpm.readsInternalPub(owner) == .success)
        // A join goes on, and another comes back.
        #expect(tpm.code(DAAJoin.self, joinRequest, owner) == .success)
        #expect(try tpm.load(savedJoin) != 0)
        #expect(tpm.readsInternalPub(delegated) == .success)
        #expect(tpm.readsInternalPub(try tpm.client.oiap(OwnedTPM.delegateAuth)) == .success)
        #expect(
            tpm.code(
                NVReadValueAuth.self, .init(nvIndex: BusyTPM.nvIndex, offset: 0, dataSize: 4), ofArea)
                == .success)
        #expect(
            tpm.code(
                NVWriteValue.self, .init(nvIndex: BusyTPM.nvIndex, offset: 0, data: [9]), owner)
                == .areaLocked)
        // Transport sessions.
        try tpm.client.through(plain).extend(11, with: .zero)
        _ = try tpm.client.through(logged).ticks()
        tpm.clock.advance(microseconds: 250)
        let signed = try tpm.client.release(
            logged, nonce: Digest(repeating: 9), with: signer, auth: OwnedTPM.keyAuth)
        #expect(signed.isSigned(by: try tpm.publicKey(signer), nonce: Digest(repeating: 9)))
        // What was saved.
        _ = try tpm.load(savedKey)
        let key = signer.rawValue
        #expect(try tpm.load(savedSession, entityHandle: key) == sessionToLoad.handle)
        #expect(tpm.signs(signer, sessionToLoad) == .success)
        #expect(tpm.result { _ = try tpm.load(savedSession, entityHandle: key) } == .badContext)
        _ = try tpm.load(savedTransport)
        _ = try tpm.client.through(transportToLoad).ticks()
        try tpm.client.execute(LoadAuthContext.self, .init(authContextBlob: oldSession))
        #expect(tpm.signs(signer, oldSessionToLoad) == .success)
        try tpm.client.execute(LoadKeyContext.self, .init(keyContextBlob: oldKey))
        // What a delegation authorized ends with a change of the tables, saved or not.
        try tpm.client.setOwnerPointer(row: nil)
        try tpm.client.load(try tpm.ownerDelegation(.all(.owner), 1), row: 2, owner: tpm.ownerAuth)
        #expect(!tpm.isOpen(delegated) && tpm.isOpen(ofKey))
        #expect(tpm.result { _ = try tpm.load(savedDelegated) } == .badContext)
    }

    /// A state in which nothing volatile is at its default, also what commands do not bring about together.
    func everything() throws -> TPM {
        var everything = tpm.tpm
        everything.state.clear.flags.disableForceClear = true
        everything.state.clear.flags.bGlobalLock = true
        everything.state.clear.disableResetLock = true
        everything.state.clear.deferredPhysicalPresence = 1
        everything.state.any.tosPresent = true
        everything.state.any.launch = SHA1()
        everything.state.any.launch?.update([1, 2, 3])
        everything.state.any.isFailed = true
        everything.state.any.lockedUntil = tpm.clock.microseconds + 5_000_000
        return everything
    }
}

extension DAAJoin.Request {
    fileprivate func with(_ handle: UInt32) -> DAAJoin.Request {
        var request = self
        request.handle = handle
        return request
    }
}
