import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

@Suite struct KeyControlOwnerTests {
    private let signing = OwnedTPM.template(.signing, bits: 512)

    private func request(
        _ key: KeyHandle, _ tpm: OwnedTPM, bitName: UInt32 = 1, bitValue: Bool = true
    ) throws -> KeyControlOwner.Request {
        .init(
            keyHandle: key, pubKey: try #require(tpm.tpm.state.keys[key]).key.pubkey, bitName: bitName,
            bitValue: bitValue)
    }

    private func keep(_ key: KeyHandle, _ tpm: OwnedTPM, _ value: Bool = true) throws -> TPMResult? {
        tpm.code(KeyControlOwner.self, try request(key, tpm, bitValue: value), try tpm.ownerSession(continues: false))
    }

    @Test func anOwnerEvictKeyOutlivesEveryStartAndOthersDoNot() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(signing)
        let other = try tpm.newKey(signing)
        #expect(try keep(key, tpm) == .success)
        #expect(tpm.lastOutcome?.changesPermanentState == true)
        for type in [StartupType.clear, .deactivated, .clear] {
            try tpm.restart(type)
            #expect(tpm.tpm.state.keys.handles == [key])
        }
        #expect(tpm.signs(key, try tpm.keySession()) == .success)
        #expect(tpm.signs(other, try tpm.keySession()) == .invalidKeyHandle)
        try tpm.client.execute(SaveState.self, .init())
        try tpm.restart(.state)
        #expect(tpm.signs(key, try tpm.keySession()) == .success)
    }

    @Test func onlyTheOwnerLetsTheKeyGo() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(signing)
        #expect(try keep(key, tpm) == .success)
        #expect(tpm.result { try tpm.flush(key) } == .keyOwnerControl)
        #expect(tpm.code(EvictKey.self, .init(evictHandle: key)) == .keyOwnerControl)
        #expect(tpm.result { _ = try tpm.save(key.rawValue, .key) } == .ownerControl)
        #expect(tpm.code(SaveKeyContext.self, .init(keyHandle: key)) == .ownerControl)
        #expect(tpm.tpm.state.keys.handles == [key])
        #expect(try keep(key, tpm, false) == .success)
        #expect(tpm.lastOutcome?.changesPermanentState == true)
        #expect(tpm.result { try tpm.flush(key) } == .success)
        try tpm.restart()
        #expect(tpm.tpm.state.keys.handles.isEmpty)
    }

    @Test func ownerClearTakesThemToo() throws {
        let tpm = OwnedTPM()
        #expect(try keep(try tpm.newKey(signing), tpm) == .success)
        try tpm.client.execute(OwnerClear.self, .init(), try tpm.ownerSession(continues: false))
        #expect(tpm.tpm.state.keys.handles.isEmpty)
    }

    @Test func twoSlotsStayForOthers() throws {
        let tpm = OwnedTPM()
        let blob = try tpm.create(signing)
        let keys = try (0..<KeySlots.capacity).map { _ in try tpm.load(blob) }
        for key in keys.prefix(KeySlots.capacity - 2) { #expect(try keep(key, tpm) == .success) }
        #expect(try keep(keys[KeySlots.capacity - 2], tpm) == .noSpace)
        // One that is kept already takes no slot more.
        #expect(try keep(keys[0], tpm) == .success)
    }

    @Test func aVolatileKeyAndOneBelowPCRsCannotBeKept() throws {
        let tpm = OwnedTPM()
        let volatile = try tpm.newKey(OwnedTPM.template(.signing, bits: 512, flags: .isVolatile))
        #expect(try keep(volatile, tpm) == .badParameter)
        #expect(try keep(volatile, tpm, false) == .success)
        let parent = try tpm.newKey(OwnedTPM.template(.storage, pcrInfo: .long(tpm.pcrInfoLong(1))))
        let session = try tpm.keyOSAP(parent)
        let blob = try tpm.client.execute(
            CreateWrapKey.self,
            .init(
                parentHandle: parent, dataUsageAuth: try session.hide(OwnedTPM.keyAuth),
                dataMigrationAuth: try session.hideSecond(OwnedTPM.migrationAuth), keyInfo: signing), session
        ).wrappedKey
        let child = try tpm.client.execute(
            LoadKey2.self, .init(parentHandle: parent, inKey: blob), try tpm.keySession()
        ).inkeyHandle
        #expect(try keep(child, tpm) == .badParameter)
        // The parent itself has none above it that was bound.
        #expect(try keep(parent, tpm) == .success)
    }

    @Test func thePublicKeyTellsThatTheHandleIsTheRightOne() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(signing)
        let other = try tpm.newKey(signing)
        var swapped = try request(other, tpm)
        swapped.keyHandle = key
        #expect(tpm.code(KeyControlOwner.self, swapped, try tpm.ownerSession()) == .badParameter)
        var scheme = try request(key, tpm)
        scheme.pubKey.algorithmParms.sigScheme = .rsassaPKCS1v15DER
        #expect(tpm.code(KeyControlOwner.self, scheme, try tpm.ownerSession()) == .badParameter)
        var none = try request(key, tpm)
        for handle in [KeyHandle(rawValue: 3), .srk, .ek] {
            none.keyHandle = handle
            #expect(tpm.code(KeyControlOwner.self, none, try tpm.ownerSession()) == .invalidKeyHandle)
        }
    }

    @Test(arguments: [0, 2, 3, 0x8000_0000] as [UInt32])
    func anotherBitIsBadMode(_ bit: UInt32) throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(signing)
        for value in [true, false] {
            let request = try request(key, tpm, bitName: bit, bitValue: value)
            #expect(tpm.code(KeyControlOwner.self, request, try tpm.ownerSession()) == .badMode)
        }
    }

    @Test func whatAllCommandsShare() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(signing)
        let request = try request(key, tpm)
        try check(KeyControlOwner.self, request, on: tpm, try tpm.ownerSession())
        try check(KeyControlOwner.self, request, on: tpm, try tpm.ownerOSAP())
        #expect(tpm.code(KeyControlOwner.self, request, try tpm.keyOSAP(key)) == .authFail)
    }
}
