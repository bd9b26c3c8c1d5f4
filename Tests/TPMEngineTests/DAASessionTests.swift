import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

/// DAA sessions as a resource (Part 2, 4.1; Part 3, 21.2, 21.3 and 22.1).
@Suite struct DAASessionTests {
    private let join: DAAScript<DAAJoin>

    init() throws { join = try DAAScript<DAAJoin>.join.get() }

    /// Opens a session and gives its handle.
    private func open(_ tpm: OwnedTPM) throws -> UInt32 {
        let output = try tpm.stage(DAAJoin.self, join.steps[0].request).get()
        let handle = try #require(tpm.daaHandles.last)
        #expect(output == be32(handle))
        return handle
    }

    private func flush(_ handle: UInt32, _ tpm: OwnedTPM) -> TPMResult? {
        tpm.code(FlushSpecific.self, .init(handle: handle, resourceType: .daaTPM))
    }

    @Test func thereAreSomeAndTheyAreCounted() throws {
        let tpm = OwnedTPM()
        let capacity = UInt32(DAASessionTable.capacity)
        #expect(tpm.number(.maxDAASess) == capacity && tpm.number(.daaSess) == capacity)
        let handles = try (0..<capacity).map { _ in try open(tpm) }
        #expect(Set(handles).count == handles.count && !handles.contains(0))
        #expect(tpm.number(.maxDAASess) == capacity && tpm.number(.daaSess) == 0)
        #expect(
            tpm.capability(.handle, be32(ResourceType.daaTPM.rawValue))
                == .success(be16(UInt16(capacity)) + handles.flatMap(be32)))
        #expect(tpm.stage(DAAJoin.self, join.steps[0].request) == .failure(.resources))
        let sign = try DAAScript<DAASign>.sign.get()
        #expect(tpm.stage(DAASign.self, sign.steps[0].request) == .failure(.resources))
        #expect(tpm.daaHandles == handles)
        #expect(flush(handles[1], tpm) == .success)
        #expect(flush(handles[1], tpm) == .badParameter)
        #expect(tpm.number(.daaSess) == 1)
        _ = try open(tpm)
    }

    @Test func aHandleThatIsTakenIsPassedOver() throws {
        var table = DAASessionTable()
        #expect(try table.open(start: 0).handle == 1)
        #expect(try table.open(start: .max).handle == .max)
        #expect(try table.open(start: .max).handle == 2)
    }

    @Test func aHandleOfNoneIsBadHandleAndTouchesNoOther() throws {
        let tpm = OwnedTPM()
        let handle = try open(tpm)
        for stage in [1, 24, 25] as [UInt8] {
            #expect(tpm.stage(DAAJoin.self, .init(handle: handle ^ 1, stage: stage)) == .failure(.badHandle))
        }
        #expect(tpm.daaHandles == [handle])
    }

    @Test func sessionsDoNotTouchEachOther() throws {
        let (tpm, request) = join.before(4)
        let other = try open(tpm)
        #expect(tpm.stage(DAAJoin.self, .init(handle: other, stage: 4)) == .failure(.daaStage))
        #expect(tpm.daaHandles == [request.handle])
        #expect(tpm.stage(DAAJoin.self, request) == .success([]))
    }

    @Test func aWrongSecretEndsTheSessionAndALockoutDoesNot() throws {
        let tpm = OwnedTPM()
        let handle = try open(tpm)
        tpm.tpm.state.any.lockedUntil = .max
        #expect(tpm.code(DAAJoin.self, .init(handle: handle, stage: 1), try tpm.ownerSession()) == .defendLockRunning)
        #expect(tpm.daaHandles == [handle])
        tpm.tpm.state.any.lockedUntil = nil
        #expect(tpm.code(DAAJoin.self, .init(handle: handle, stage: 1), try tpm.srkSession()) == .authFail)
        #expect(tpm.daaHandles.isEmpty)
    }

    @Test func aJoinCanBeGivenUp() throws {
        let tpm = OwnedTPM()
        let issuer = try DAAIssuerParty()
        let joining = try tpm.client.joinDAA(
            chain: try issuer.signedChain(), parameters: issuer.parameters, signature: try issuer.signature(),
            count: 1, owner: tpm.ownerAuth)
        #expect(tpm.daaHandles == [joining.handle])
        try joining.flush()
        #expect(tpm.daaHandles.isEmpty)
    }

    // MARK: What ends them

    @Test func everyStartAndAClearEndThem() throws {
        for type in [StartupType.clear, .state] {
            let tpm = OwnedTPM()
            _ = try open(tpm)
            try tpm.client.execute(SaveState.self, .init())
            try tpm.restart(type)
            #expect(tpm.daaHandles.isEmpty)
        }
        let tpm = OwnedTPM()
        _ = try open(tpm)
        try tpm.client.execute(OwnerClear.self, .init(), try tpm.ownerSession())
        #expect(tpm.daaHandles.isEmpty)
    }

    /// A new daaProof, by TPM_SetCapability (Part 2, 7.4.1).
    private func renewProof(_ tpm: OwnedTPM) throws {
        let field = PermanentDataField.daaProof.rawValue
        try tpm.client.execute(
            SetCapability.self,
            .init(capArea: SetCapabilityArea.permData.rawValue, subCap: be32(field), setValue: []),
            try tpm.ownerSession(continues: false))
    }

    @Test func aNewProofVoidsWhatWasJoined() throws {
        let (tpm, request) = join.before(24)
        let saved = try tpm.save(request.handle, .daaTPM)
        _ = try open(tpm)
        try renewProof(tpm)
        #expect(tpm.daaHandles.isEmpty)
        #expect(tpm.result { _ = try tpm.load(saved) } == .badContext)
        let sign = try DAAScript<DAASign>.sign.get()
        _ = try tpm.stage(DAASign.self, sign.steps[0].request).get()
        var specific = sign.steps[1].request
        specific.handle = try #require(tpm.daaHandles.first)
        #expect(tpm.stage(DAASign.self, specific) == .failure(.daaInputData0))
    }

    @Test func aClearedOwnerLeavesCredentialsForTheNext() throws {
        let tpm = OwnedTPM()
        let issuer = try DAAIssuerParty()
        let platform = try DAAPlatform.join(tpm, issuer).platform
        try tpm.changeOwner()
        let message = Digest(repeating: 1)
        let signature = try platform.sign(
            .digest(message), for: message, base: try DAAIssuerParty.base("x"), on: tpm)
        #expect(issuer.verifies(signature, selector: 1, message.bytes, for: message))
    }

    // MARK: Contexts

    @Test func aSavedSessionIsGoneAndComesBackOnce() throws {
        let (tpm, request) = join.before(4)
        let blob = try tpm.save(request.handle, .daaTPM)
        #expect(blob.resourceType == .daaTPM && blob.handle == request.handle && blob.contextCount == 1)
        #expect(tpm.daaHandles.isEmpty)
        #expect(tpm.result { _ = try tpm.save(request.handle, .daaTPM) } == .invalidResource)
        #expect(try tpm.load(blob) == request.handle)
        #expect(tpm.stage(DAAJoin.self, request) == .success([]))
        #expect(tpm.result { _ = try tpm.load(blob) } == .badContext)
    }

    @Test func aContextHidesTheSession() throws {
        let (tpm, request) = join.before(4)
        let session = try #require(tpm.tpm.state.any.daaSessions[request.handle])
        let bytes = try tpm.save(request.handle, .daaTPM).encoded()
        for secret in [session.joinSession.u0, session.joinSession.u1, session.tpmSpecific.rekey] {
            #expect(!bytes.contains(secret.bytes))
        }
    }

    @Test func aHandleInUseIsReplacedUnlessItHasToBeKept() throws {
        let (tpm, request) = join.before(4)
        let blob = try tpm.save(request.handle, .daaTPM)
        var open = tpm.tpm.state.any.daaSessions
        _ = try open.open(start: request.handle)
        tpm.tpm.state.any.daaSessions = open
        #expect(tpm.result { _ = try tpm.load(blob, keepHandle: true) } == .badHandle)
        #expect(try tpm.load(blob) != request.handle)
    }

    @Test func aContextNeedsAFreeSession() throws {
        let (tpm, request) = join.before(4)
        let blob = try tpm.save(request.handle, .daaTPM)
        for _ in 0..<DAASessionTable.capacity { _ = try open(tpm) }
        #expect(tpm.result { _ = try tpm.load(blob) } == .resources)
        #expect(flush(tpm.daaHandles[0], tpm) == .success)
        #expect(try tpm.load(blob) == request.handle)
    }

    @Test func aContextThatWasChangedOrIsOfAnotherPowerOnSessionIsBadContext() throws {
        let (tpm, request) = join.before(4)
        let blob = try tpm.save(request.handle, .daaTPM)
        for change: (inout ContextBlob) -> Void in [
            { $0.handle ^= 1 }, { $0.label[0] ^= 1 }, { $0.contextCount += 1 }, { $0.resourceType = .auth },
            { $0.resourceType = .key }, { $0.additionalData[20] ^= 1 }, { $0.sensitiveData[50] ^= 1 },
        ] {
            var wrong = blob
            change(&wrong)
            #expect(tpm.result { _ = try tpm.load(wrong) } == .badContext)
        }
        try tpm.restart()
        #expect(tpm.result { _ = try tpm.load(blob) } == .badContext)
    }

    @Test func aContextIsSavedAndLoadedAsAllCommandsAre() throws {
        let (tpm, request) = join.before(4)
        try check(
            SaveContext.self, .init(handle: request.handle, resourceType: .daaTPM, label: OwnedTPM.label), on: tpm,
            except: [.noOwner])
        try check(FlushSpecific.self, .init(handle: request.handle, resourceType: .daaTPM), on: tpm)
        let blob = try tpm.save(request.handle, .daaTPM)
        try check(
            LoadContext.self, .init(entityHandle: 0, keepHandle: false, contextBlob: blob), on: tpm,
            except: [.noOwner])
    }
}
