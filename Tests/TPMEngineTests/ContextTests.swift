import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

extension OwnedTPM {
    static let label = Array("sixteen letters!".utf8)

    func save(_ handle: UInt32, _ type: ResourceType) throws -> ContextBlob {
        let answer = try client.execute(
            SaveContext.self, .init(handle: handle, resourceType: type, label: Self.label))
        return try #require(answer.contextBlob)
    }

    func load(_ blob: ContextBlob, entityHandle: UInt32 = 0, keepHandle: Bool = false) throws -> UInt32 {
        try client.execute(
            LoadContext.self, .init(entityHandle: entityHandle, keepHandle: keepHandle, contextBlob: blob)
        ).handle
    }

    /// The return code of a signature with a key and a session.
    func signs(_ key: KeyHandle, _ session: Session) -> TPMResult? {
        code(Sign.self, .init(keyHandle: key, areaToSign: [UInt8](repeating: 1, count: 20)), session)
    }
}

@Suite struct KeyContextTests {
    private let signing = OwnedTPM.template(.signing, bits: 512)

    @Test func aSavedKeyStaysLoadedAndComesBackAsOftenAsOneLikes() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(OwnedTPM.template(.signing, bits: 512, pcrInfo: .long(tpm.pcrInfoLong(1))))
        let blob = try tpm.save(key.rawValue, .key)
        #expect(blob.resourceType == .key)
        #expect(blob.handle == key.rawValue)
        #expect(blob.label == OwnedTPM.label)
        #expect(blob.contextCount == 0)
        #expect(tpm.signs(key, try tpm.keySession()) == .success)
        try tpm.flush(key)
        #expect(tpm.signs(key, try tpm.keySession()) == .invalidKeyHandle)
        for _ in 0..<2 {
            #expect(try tpm.load(blob) == key.rawValue)
            #expect(tpm.signs(key, try tpm.keySession()) == .success)
            #expect(tpm.signs(key, try tpm.srkSession()) == .authFail)
            try tpm.flush(key)
        }
        _ = try tpm.load(blob)
        try tpm.extend(1)
        #expect(tpm.signs(key, try tpm.keySession()) == .wrongPCRVal)
    }

    @Test func aHandleInUseIsReplacedUnlessItHasToBeKept() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(signing)
        let blob = try tpm.save(key.rawValue, .key)
        #expect(tpm.result { _ = try tpm.load(blob, keepHandle: true) } == .badHandle)
        let other = try tpm.load(blob)
        #expect(other != key.rawValue)
        try tpm.flush(key)
        #expect(try tpm.load(blob, keepHandle: true) == key.rawValue)
    }

    @Test func theContextTellsNothingSecret() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(signing)
        let loaded = try #require(tpm.tpm.state.keys[key])
        let first = try tpm.save(key.rawValue, .key)
        let bytes = try first.encoded()
        for secret in [loaded.usageAuth.bytes, loaded.privateKey.prime.bytes] {
            #expect(!bytes.indices.contains { bytes[$0...].starts(with: secret) })
        }
        // Nor does a second one show that it is the same.
        #expect(try tpm.save(key.rawValue, .key).sensitiveData != first.sensitiveData)
    }

    @Test func everyByteOfTheContextIsChecked() throws {
        let tpm = OwnedTPM()
        let blob = try tpm.save(try tpm.newKey(signing).rawValue, .key)
        var changed: [ContextBlob] = []
        func change(_ body: (inout ContextBlob) -> Void) {
            var copy = blob
            body(&copy)
            changed.append(copy)
        }
        change { $0.resourceType = .auth }
        change { $0.resourceType = .trans }
        change { $0.resourceType = .hash }
        change { $0.handle ^= 1 }
        change { $0.label[15] ^= 1 }
        change { $0.contextCount = 1 }
        change { $0.integrityDigest = .zero }
        for index in blob.additionalData.indices { change { $0.additionalData[index] ^= 1 } }
        for index in blob.sensitiveData.indices { change { $0.sensitiveData[index] ^= 1 } }
        change { $0.additionalData = [] }
        change { $0.additionalData.append(0) }
        change { $0.sensitiveData = [] }
        change { $0.sensitiveData.removeLast() }
        change { $0.sensitiveData.append(0) }
        for blob in changed {
            #expect(tpm.result { _ = try tpm.load(blob) } == .badContext)
        }
        #expect(
            tpm.code(LoadContext.self, .init(entityHandle: 0, keepHandle: false, contextBlob: nil)) == .badContext)
        #expect(tpm.tpm.state.keys.handles.count == 1)
    }

    @Test func anotherTPMAndAnotherOwnerRefuseTheContext() throws {
        let tpm = OwnedTPM()
        let blob = try tpm.save(try tpm.newKey(signing).rawValue, .key)
        let other = OwnedTPM(.endorsed, seed: "another")
        try other.client.execute(TakeOwnership.self, try other.takeOwnership(), try other.ownerSession())
        #expect(other.result { _ = try other.load(blob) } == .badContext)
        try tpm.changeOwner()
        #expect(tpm.result { _ = try tpm.load(blob) } == .badContext)
    }

    @Test func aPlainKeyComesBackAfterARestartAndAVolatileOneDoesNot() throws {
        let tpm = OwnedTPM()
        let plain = try tpm.save(try tpm.newKey(signing).rawValue, .key)
        let volatile = try tpm.save(
            try tpm.newKey(OwnedTPM.template(.signing, bits: 512, flags: .isVolatile)).rawValue, .key)
        #expect(tpm.result { _ = try tpm.load(volatile) } == .success)
        // Before and after the nonce of the new start is made.
        try tpm.restart()
        #expect(tpm.result { _ = try tpm.load(volatile) } == .badContext)
        #expect(tpm.result { _ = try tpm.load(plain) } == .success)
        _ = try tpm.save(try tpm.newKey(signing).rawValue, .key)
        #expect(tpm.result { _ = try tpm.load(volatile) } == .badContext)
    }

    @Test func aKeyBelowPCRsDoesNotComeBackAfterARestart() throws {
        let tpm = OwnedTPM()
        let parent = try tpm.newKey(OwnedTPM.template(.storage, pcrInfo: .long(tpm.pcrInfoLong(1))))
        let session = try tpm.keyOSAP(parent)
        let blob = try tpm.client.execute(
            CreateWrapKey.self,
            .init(
                parentHandle: parent, dataUsageAuth: try session.hide(OwnedTPM.keyAuth),
                dataMigrationAuth: try session.hideSecond(OwnedTPM.migrationAuth), keyInfo: signing), session
        ).wrappedKey
        let key = try tpm.client.execute(
            LoadKey2.self, .init(parentHandle: parent, inKey: blob), try tpm.keySession()
        ).inkeyHandle
        let context = try tpm.save(key.rawValue, .key)
        let back = try tpm.load(context)
        #expect(tpm.tpm.state.keys[KeyHandle(rawValue: back)]?.parentPCRStatus == true)
        try tpm.restart()
        #expect(tpm.result { _ = try tpm.load(context) } == .badContext)
    }

    @Test func aVolatileKeyComesBackAfterASleep() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(OwnedTPM.template(.signing, bits: 512, flags: .isVolatile))
        let volatile = try tpm.save(key.rawValue, .key)
        try tpm.flush(key)
        try tpm.client.execute(SaveState.self, .init())
        try tpm.restart(.state)
        #expect(try tpm.load(volatile) == key.rawValue)
    }

    @Test func whenAllSlotsAreTakenItIsResources() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(signing)
        let blob = try tpm.save(key.rawValue, .key)
        for _ in 1..<KeySlots.capacity { _ = try tpm.load(blob) }
        #expect(tpm.result { _ = try tpm.load(blob) } == .resources)
    }

    @Test func resourcesThatAreNotThereAreInvalidResource() throws {
        let tpm = OwnedTPM()
        let session = try tpm.srkSession()
        let key = try tpm.newKey(signing)
        for (handle, type) in [
            (UInt32(5), ResourceType.key), (KeyHandle.srk.rawValue, .key), (KeyHandle.ek.rawValue, .key),
            (session.handle, .key), (5, .auth), (key.rawValue, .auth), (key.rawValue, .hash), (session.handle, .trans),
            (0, .context), (0, .counter), (0, .delegate), (0, .daaTPM), (0, .daaV0), (0, .daaV1),
        ] {
            #expect(tpm.result { _ = try tpm.save(handle, type) } == .invalidResource)
        }
    }

    @Test func whatAllCommandsShare() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(signing).rawValue
        try check(
            SaveContext.self, .init(handle: key, resourceType: .key, label: OwnedTPM.label), on: tpm,
            except: [.noOwner])
        let blob = try tpm.save(key, .key)
        try check(
            LoadContext.self, .init(entityHandle: 0, keepHandle: false, contextBlob: blob), on: tpm,
            except: [.noOwner])
    }
}

@Suite struct SessionContextTests {
    @Test func aSavedSessionIsGoneAndComesBackOnce() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(OwnedTPM.template(.signing, bits: 512))
        let session = try tpm.keySession(continues: true)
        #expect(tpm.signs(key, session) == .success)
        let blob = try tpm.save(session.handle, .auth)
        #expect(blob.contextCount == 1)
        #expect(tpm.tpm.state.any.sessions.sessions.isEmpty)
        #expect(try tpm.load(blob) == session.handle)
        // Its nonces go on where they were.
        #expect(tpm.signs(key, session) == .success)
        #expect(tpm.result { _ = try tpm.load(blob) } == .badContext)
        try tpm.client.close(session)
        #expect(tpm.result { _ = try tpm.load(blob) } == .badContext)
        #expect(tpm.tpm.state.any.contexts.outstanding.isEmpty)
    }

    @Test func eachContextHasACountOfItsOwn() throws {
        let tpm = OwnedTPM()
        let blobs = try (0..<3).map { _ in try tpm.save(try tpm.keySession().handle, .auth) }
        #expect(blobs.map(\.contextCount) == [1, 2, 3])
        #expect(tpm.tpm.state.any.contexts.outstanding == [1, 2, 3])
        _ = try tpm.load(blobs[1])
        #expect(tpm.tpm.state.any.contexts.outstanding == [1, 3])
    }

    @Test func theListOfContextsHasAnEnd() throws {
        let tpm = OwnedTPM()
        var blobs: [ContextBlob] = []
        for _ in 0..<ContextList.capacity { blobs.append(try tpm.save(try tpm.keySession().handle, .auth)) }
        let session = try tpm.keySession()
        #expect(tpm.result { _ = try tpm.save(session.handle, .auth) } == .noContextSpace)
        // What could not be saved is still there, and the oldest context makes room.
        #expect(tpm.tpm.state.any.sessions[session.handle] != nil)
        _ = try tpm.load(blobs[0])
        #expect(tpm.result { _ = try tpm.save(session.handle, .auth) } == .success)
    }

    @Test func aSessionOfAKeyNeedsTheKey() throws {
        let tpm = OwnedTPM()
        let blob = try tpm.create(OwnedTPM.template(.signing, bits: 512))
        let key = try tpm.load(blob)
        let other = try tpm.newKey(OwnedTPM.template(.signing, bits: 1024))
        let session = try tpm.keyOSAP(key, continues: true)
        let context = try tpm.save(session.handle, .auth)
        #expect(tpm.result { _ = try tpm.load(context, entityHandle: other.rawValue) } == .badHandle)
        #expect(tpm.result { _ = try tpm.load(context, entityHandle: 0) } == .badHandle)
        #expect(tpm.result { _ = try tpm.load(context, entityHandle: KeyHandle.srk.rawValue) } == .badHandle)
        try tpm.flush(key)
        #expect(tpm.result { _ = try tpm.load(context, entityHandle: key.rawValue) } == .resourceMissing)
        #expect(tpm.result { _ = try tpm.load(context, entityHandle: other.rawValue) } == .resourceMissing)
        // The key is back under another handle, and so is the session.
        let again = try tpm.load(blob)
        #expect(try tpm.load(context, entityHandle: again.rawValue) == session.handle)
        #expect(tpm.tpm.state.any.sessions[session.handle]?.binding?.entity == .key(again))
        #expect(tpm.signs(again, session) == .success)
        #expect(tpm.signs(other, try tpm.keyOSAP(again)) == .authFail)
    }

    @Test(arguments: ADIPScheme.allCases)
    func sessionsOfTheSRKAndTheOwnerComeBack(_ scheme: ADIPScheme) throws {
        let tpm = OwnedTPM()
        let srk = try tpm.srkOSAP(scheme)
        let owner = try tpm.ownerOSAP(scheme)
        let contexts = [try tpm.save(srk.handle, .auth), try tpm.save(owner.handle, .auth)]
        for context in contexts { _ = try tpm.load(context, keepHandle: true) }
        #expect(try tpm.code(Seal.self, tpm.sealRequest([1], srk), srk) == .success)
        #expect(tpm.code(DisablePubekRead.self, .init(), owner) == .success)
    }

    @Test func aSessionDoesNotComeBackWhenItsSecretIsAnother() throws {
        let tpm = OwnedTPM()
        let owner = try tpm.save(try tpm.ownerOSAP().handle, .auth)
        let srk = try tpm.save(try tpm.srkOSAP().handle, .auth)
        tpm.tpm.state.permanent.ownership?.ownerAuth = OwnedTPM.dataAuth
        tpm.tpm.state.permanent.ownership?.srk.usageAuth = OwnedTPM.dataAuth
        #expect(tpm.result { _ = try tpm.load(owner) } == .resourceMissing)
        #expect(tpm.result { _ = try tpm.load(srk) } == .resourceMissing)
    }

    @Test func aSessionOfAnNVAreaNeedsTheAreaAsItWas() throws {
        let tpm = OwnedTPM()
        var area = NVArea(pubInfo: NVDataPublic(), authValue: OwnedTPM.keyAuth, data: [1, 2, 3, 4])
        area.pubInfo.nvIndex = 7
        area.pubInfo.dataSize = 4
        tpm.tpm.state.permanent.nv.areas[7] = area
        let session = try tpm.client.osap(.nv, 7, secret: OwnedTPM.keyAuth, continues: true)
        var context = try tpm.save(session.handle, .auth)
        #expect(try tpm.load(context) == session.handle)
        context = try tpm.save(session.handle, .auth)
        tpm.tpm.state.permanent.nv.areas[7]?.authValue = OwnedTPM.dataAuth
        #expect(tpm.result { _ = try tpm.load(context) } == .resourceMissing)
        tpm.tpm.state.permanent.nv.areas[7] = nil
        #expect(tpm.result { _ = try tpm.load(context) } == .resourceMissing)
        tpm.tpm.state.permanent.nv.areas[7] = area
        #expect(tpm.result { _ = try tpm.load(context) } == .success)
    }

    @Test func aHandleInUseIsReplacedUnlessItHasToBeKept() throws {
        let tpm = OwnedTPM()
        let session = try tpm.keySession()
        let context = try tpm.save(session.handle, .auth)
        _ = try tpm.tpm.state.any.sessions.open(nonceEven: .zero, start: session.handle)
        #expect(tpm.result { _ = try tpm.load(context, keepHandle: true) } == .badHandle)
        let handle = try tpm.load(context)
        #expect(handle != session.handle)
    }

    @Test func whenAllSessionsAreTakenItIsResourcesAndTheContextStays() throws {
        let tpm = OwnedTPM()
        let context = try tpm.save(try tpm.keySession().handle, .auth)
        let sessions = try (0..<SessionTable.capacity).map { _ in try tpm.keySession() }
        #expect(tpm.result { _ = try tpm.load(context) } == .resources)
        try tpm.client.close(sessions[0])
        #expect(tpm.result { _ = try tpm.load(context) } == .success)
    }

    @Test(arguments: [StartupType.clear, .state])
    func noSessionComesBackAfterARestart(_ type: StartupType) throws {
        let tpm = OwnedTPM()
        let context = try tpm.save(try tpm.keySession().handle, .auth)
        try tpm.client.execute(SaveState.self, .init())
        try tpm.restart(type)
        #expect(tpm.result { _ = try tpm.load(context) } == .badContext)
        // Nor when the new start has saved one of the same count.
        #expect(try tpm.save(try tpm.keySession().handle, .auth).contextCount == context.contextCount)
        #expect(tpm.result { _ = try tpm.load(context) } == .badContext)
    }

    @Test func aCopyOfTheTPMDoesNotMakeAContextCountTwice() throws {
        let tpm = OwnedTPM()
        let context = try tpm.save(try tpm.keySession().handle, .auth)
        let fork = OwnedTPM()
        fork.tpm = tpm.tpm
        _ = try tpm.load(context)
        #expect(tpm.result { _ = try tpm.load(context) } == .badContext)
        // State is a value: the copy still has it outstanding.
        #expect(fork.result { _ = try fork.load(context) } == .success)
    }

    @Test func flushingTheCountInvalidatesTheContext() throws {
        let tpm = OwnedTPM()
        let context = try tpm.save(try tpm.keySession().handle, .auth)
        let flush = FlushSpecific.Request(handle: context.contextCount, resourceType: .context)
        #expect(tpm.code(FlushSpecific.self, flush) == .success)
        #expect(tpm.result { _ = try tpm.load(context) } == .badContext)
        #expect(tpm.code(FlushSpecific.self, flush) == .badParameter)
    }

    @Test func ownerClearInvalidatesContexts() throws {
        let tpm = OwnedTPM()
        let context = try tpm.save(try tpm.keySession().handle, .auth)
        try tpm.changeOwner()
        #expect(tpm.result { _ = try tpm.load(context) } == .badContext)
    }

    @Test func whatAllCommandsShare() throws {
        let tpm = OwnedTPM()
        let session = try tpm.keySession()
        try check(
            SaveContext.self, .init(handle: session.handle, resourceType: .auth, label: OwnedTPM.label), on: tpm,
            except: [.noOwner])
        let context = try tpm.save(session.handle, .auth)
        try check(
            LoadContext.self, .init(entityHandle: 0, keepHandle: true, contextBlob: context), on: tpm,
            except: [.noOwner])
    }
}

@Suite struct ContextListTests {
    @Test func countsEndAtTheLastNumber() throws {
        var list = ContextList(count: .max - 1)
        #expect(try list.add() == .max)
        #expect(throws: TPMResult.tooManyContexts) { try list.add() }
    }
}
