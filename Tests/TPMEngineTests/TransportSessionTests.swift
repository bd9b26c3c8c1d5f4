import TPMCrypto
import TPMWire
import Testing

@testable import TPMClient
@testable import TPMEngine

/// How transport sessions end and how they are saved (Part 1, 18; Part 3, 21.2, 21.3 and 22.1).
@Suite struct TransportSessionTests {
    private func isAlive(_ session: TransportSession, _ tpm: OwnedTPM) -> Bool {
        tpm.error(in: session, GetTicks.self, .init()) == nil
    }

    // MARK: The end

    @Test func theCallerEndsASession() throws {
        let tpm = OwnedTPM()
        let session = try tpm.transport()
        session.continues = false
        #expect(isAlive(session, tpm))
        #expect(!session.isOpen)
        #expect(tpm.transports.isEmpty)
    }

    @Test func aFlushedSessionIsGoneAlone() throws {
        let tpm = OwnedTPM()
        let sessions = [try tpm.transport(), try tpm.transport()]
        try tpm.client.close(sessions[0])
        #expect(tpm.transports == [sessions[1].handle])
        let request = FlushSpecific.Request(handle: sessions[0].handle, resourceType: .trans)
        #expect(tpm.code(FlushSpecific.self, request) == .badParameter)
        try check(
            FlushSpecific.self, .init(handle: sessions[1].handle, resourceType: .trans), on: tpm)
    }

    @Test func aWrappedFlushOfTheSessionItselfIsItsLastCommand() throws {
        let tpm = OwnedTPM()
        let session = try tpm.transport(.mgf1, log: true)
        let request = FlushSpecific.Request(handle: session.handle, resourceType: .trans)
        #expect(tpm.error(in: session, FlushSpecific.self, request) == nil)
        #expect(!session.isOpen)
        #expect(tpm.transports.isEmpty)
    }

    @Test func aNewStartEndsThemAll() throws {
        for type in [StartupType.clear, .state] {
            let tpm = OwnedTPM()
            _ = try tpm.transport()
            try tpm.client.execute(SaveState.self, .init())
            try tpm.restart(type)
            #expect(tpm.transports.isEmpty)
        }
    }

    @Test func whatDeactivatesOrClearsTheTPMEndsThemAll() throws {
        let deactivated = OwnedTPM()
        deactivated.physicalPresence = true
        let session = try deactivated.transport()
        _ = try deactivated.transport()
        #expect(deactivated.error(in: session, SetTempDeactivated.self, .init()) == nil)
        #expect(!session.isOpen)
        #expect(deactivated.transports.isEmpty)
        let cleared = OwnedTPM()
        let last = try cleared.transport()
        #expect(cleared.error(in: last, OwnerClear.self, .init(), try cleared.ownerSession()) == nil)
        #expect(!last.isOpen)
        #expect(cleared.transports.isEmpty)
        let revoked = OwnedTPM()
        revoked.physicalPresence = true
        _ = try revoked.transport()
        #expect(revoked.code(RevokeTrust.self, .init(ekReset: OwnedTPM.ekReset)) == .success)
        #expect(revoked.transports.isEmpty)
    }

    // MARK: Exclusive sessions

    @Test func anExclusiveSessionLastsUntilAnyOtherCommand() throws {
        let tpm = OwnedTPM()
        let session = try tpm.transport(exclusive: true)
        for _ in 0..<3 { #expect(isAlive(session, tpm)) }
        #expect(tpm.code(GetTicks.self, .init()) == .success)
        #expect(tpm.transports.isEmpty)
        #expect(tpm.error(in: session, GetTicks.self, .init()) == .tpm(.invalidAuthHandle, .executeTransport))
    }

    @Test func itEndsWithACommandThatIsRefusedOrNotEvenOne() throws {
        let getRandom = TPM.bytes(GetRandom.self, .init(bytesRequested: 1))
        let commands =
            malformed(getRandom) + [[], [0], [0, 0xc9] + getRandom[2...], [0, 0xc1] + be32(10) + be32(0x999)]
        for command in commands {
            let tpm = OwnedTPM()
            _ = try tpm.transport(exclusive: true)
            _ = tpm.tpm.execute(command)
            #expect(tpm.transports.isEmpty, "\(command)")
        }
    }

    @Test func commandsInsideOfItDoNotEndItWhateverTheyAre() throws {
        let tpm = OwnedTPM()
        let session = try tpm.transport(.mgf1, exclusive: true)
        #expect(tpm.error(in: session, Extend.self, .init(pcrNum: 99, inDigest: .zero)) == .tpm(.badIndex, .extend))
        #expect(tpm.error(in: session, PcrRead.self, .init(pcrIndex: 0)) == nil)
        let own = try tpm.client.through(session).oiap(tpm.ownerAuth)
        #expect(tpm.error(in: session, OwnerSetDisable.self, .init(disableState: false), own) == nil)
        #expect(tpm.tpm.state.any.transports.exclusive?.transHandle == session.handle)
    }

    @Test func anotherSessionsCommandsAndANewExclusiveSessionEndIt() throws {
        let tpm = OwnedTPM()
        let plain = try tpm.transport()
        let first = try tpm.transport(exclusive: true)
        #expect(isAlive(first, tpm))
        let second = try tpm.transport(exclusive: true)
        #expect(tpm.transports == [plain.handle, second.handle])
        #expect(isAlive(second, tpm))
        #expect(isAlive(plain, tpm))
        #expect(tpm.transports == [plain.handle])
    }

    @Test func aPlainSessionStandsBesideOthers() throws {
        let tpm = OwnedTPM()
        let sessions = [try tpm.transport(), try tpm.transport(.aesOFB)]
        for _ in 0..<3 { for session in sessions { #expect(isAlive(session, tpm)) } }
    }

    @Test func itCannotBeSavedFromInsideOrOutside() throws {
        let tpm = OwnedTPM()
        let session = try tpm.transport(exclusive: true)
        let request = SaveContext.Request(handle: session.handle, resourceType: .trans, label: OwnedTPM.label)
        #expect(tpm.error(in: session, SaveContext.self, request) == .tpm(.invalidResource, .saveContext))
        #expect(isAlive(session, tpm))
        #expect(tpm.code(SaveContext.self, request) == .invalidResource)
        #expect(tpm.transports.isEmpty)
    }

    // MARK: Contexts

    @Test func aSavedSessionIsGoneAndComesBackOnce() throws {
        let tpm = OwnedTPM()
        let session = try tpm.transport(.mgf1, log: true)
        #expect(isAlive(session, tpm))
        let blob = try tpm.save(session.handle, .trans)
        #expect(blob.resourceType == .trans)
        #expect(tpm.transports.isEmpty)
        #expect(try tpm.client.handles(of: .context) == [blob.contextCount])
        #expect(try tpm.load(blob, keepHandle: true) == session.handle)
        #expect(isAlive(session, tpm))
        #expect(tpm.result { _ = try tpm.load(blob) } == .badContext)
    }

    @Test func aHandleInUseIsReplacedUnlessItHasToBeKept() throws {
        let tpm = OwnedTPM()
        let session = try tpm.transport()
        let internalData = try #require(tpm.tpm.state.any.transports[session.handle])
        let blob = try tpm.save(session.handle, .trans)
        _ = try tpm.tpm.state.any.transports.open(internalData, start: session.handle)
        #expect(tpm.result { _ = try tpm.load(blob, keepHandle: true) } == .badHandle)
        #expect(try tpm.load(blob) == session.handle &+ 1)
    }

    @Test func aFlushedOrDamagedOrOldContextStaysAway() throws {
        let tpm = OwnedTPM()
        var blob = try tpm.save(try tpm.transport().handle, .trans)
        for change in [
            { $0.handle ^= 1 }, { $0.contextCount += 1 }, { $0.resourceType = .auth }, { $0.sensitiveData[3] ^= 1 },
            { $0.additionalData[4] ^= 1 }, { $0.label[0] ^= 1 },
        ] as [(inout ContextBlob) -> Void] {
            var changed = blob
            change(&changed)
            #expect(tpm.result { _ = try tpm.load(changed) } == .badContext)
        }
        try tpm.client.execute(FlushSpecific.self, .init(handle: blob.contextCount, resourceType: .context))
        #expect(tpm.result { _ = try tpm.load(blob) } == .badContext)
        blob = try tpm.save(try tpm.transport().handle, .trans)
        try tpm.restart()
        #expect(tpm.result { _ = try tpm.load(blob) } == .badContext)
    }

    @Test func aSessionSavedFromInsideKnowsItsNextNonceOnly() throws {
        let tpm = OwnedTPM()
        let session = try tpm.transport()
        let used = session.session.nonceEven
        let request = SaveContext.Request(handle: session.handle, resourceType: .trans, label: OwnedTPM.label)
        let blob = try #require(
            try tpm.client.through(session).execute(SaveContext.self, request).contextBlob)
        #expect(!session.isOpen)
        let handle = try tpm.load(blob)
        #expect(tpm.tpm.state.any.transports[handle]?.transNonceEven == session.session.nonceEven)
        #expect(session.session.nonceEven != used)
    }

    @Test func whatAllCommandsShare() throws {
        let tpm = OwnedTPM()
        let session = try tpm.transport()
        try check(
            SaveContext.self, .init(handle: session.handle, resourceType: .trans, label: OwnedTPM.label), on: tpm,
            except: [.noOwner])
        let blob = try tpm.save(session.handle, .trans)
        try check(
            LoadContext.self, .init(entityHandle: 0, keepHandle: false, contextBlob: blob), on: tpm,
            except: [.noOwner])
    }
}
