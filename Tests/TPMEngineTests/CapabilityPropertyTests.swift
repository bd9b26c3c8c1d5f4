import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

/// Part 3, 7.1 for TPM_CAP_PROPERTY (Part 2, 21.2) and for TPM_CAP_DA_LOGIC (Part 2, 21.7 to 21.10).
@Suite struct CapabilityPropertyTests {
    /// The properties of a started TPM without an owner that are plain numbers.
    private static let numbers: [CapabilityProperty: UInt32] = [
        .pcr: 24, .dir: 1, .manufacturer: 0x5654_504d, .keys: 20, .maxKeys: 20, .authSess: 16, .maxAuthSess: 16,
        .tranSess: 16, .maxTranSess: 16, .sessions: 32, .maxSessions: 32, .context: 128, .maxContext: 128,
        .contextDist: .max, .activeCounter: .max, .maxNVAvailable: 32768, .inputBuffer: 4096, .cmkRestriction: 0,
        .familyRows: 16, .delegateRow: 4,
    ]

    @Test func aFreshTPMSaysWhatItHas() {
        let tpm = OwnedTPM(.started)
        for (property, value) in Self.numbers { #expect(tpm.number(property) == value, "\(property)") }
        #expect(tpm.isTrue(.property, be32(CapabilityProperty.owner.rawValue)) == false)
        #expect(tpm.isTrue(.property, be32(CapabilityProperty.daaInterrupt.rawValue)) != nil)
    }

    @Test func everyPropertyHasTheSizeThatTheTableGives() {
        let tpm = OwnedTPM(.started)
        for property in CapabilityProperty.allCases {
            let size =
                switch property {
                case .owner, .daaInterrupt: 1
                case .tisTimeout: 16
                case .duration: 12
                default: 4
                }
            let answer = try? tpm.capability(.property, be32(property.rawValue)).get()
            #expect(answer?.count == size, "\(property)")
        }
    }

    @Test func anOpenNumberIsBadMode() {
        let tpm = OwnedTPM(.started)
        for property in [0x100, 0x105, 0x106, 0x108, 0x109, 0x118, 0x121, 0x125, 0] as [UInt32] {
            #expect(tpm.capability(.property, be32(property)) == .failure(.badMode), "\(property)")
        }
    }

    @Test func whatCanStillBeOpenedVariesWithTheUse() throws {
        let tpm = OwnedTPM()
        #expect(tpm.isTrue(.property, be32(CapabilityProperty.owner.rawValue)) == true)
        _ = try tpm.newKey(OwnedTPM.template(.signing))
        #expect(tpm.number(.keys) == 19)
        let session = try tpm.ownerSession()
        #expect(tpm.number(.authSess) == 15)
        #expect(tpm.number(.sessions) == 31)
        let transport = try tpm.transport()
        #expect(tpm.number(.tranSess) == 15)
        #expect(tpm.number(.sessions) == 30)
        try tpm.client.close(transport)
        #expect(tpm.number(.tranSess) == 16)
        _ = try tpm.client.execute(
            SaveContext.self,
            .init(handle: session.handle, resourceType: .auth, label: [UInt8](repeating: 7, count: 16)))
        #expect(tpm.number(.authSess) == 16)
        #expect(tpm.number(.context) == 127)
        try tpm.define(.area(0x1_0001, [.ownerWrite], size: 100))
        #expect(tpm.number(.maxNVAvailable) == 32668)
        #expect(tpm.number(.maxKeys) == 20)
        #expect(tpm.number(.maxAuthSess) == 16)
        #expect(tpm.number(.maxContext) == 128)
    }

    @Test func theRestrictionsOnDelegatedKeysAreReported() {
        let tpm = OwnedTPM()
        tpm.tpm.state.permanent.restrictDelegate = [.signing, .migrate]
        #expect(tpm.number(.cmkRestriction) == 0x8800_0000)
    }

    @Test func theEffectsOfAStartAreThoseOfAStart() throws {
        let tpm = OwnedTPM()
        let effects = StartupEffects(rawValue: try #require(tpm.number(.startupEffect)))
        #expect(StartupEffects.defined.isSuperset(of: effects))
        let session = try tpm.ownerSession()
        let saved = try tpm.ownerSession()
        let transport = try tpm.transport()
        _ = try tpm.client.execute(
            SaveContext.self,
            .init(handle: saved.handle, resourceType: .auth, label: [UInt8](repeating: 7, count: 16)))
        _ = try tpm.client.execute(SHA1Start.self, .init())
        _ = try tpm.client.execute(SaveState.self, .init())
        try tpm.restart(.state)
        #expect(effects.contains(.authInitialisedByState) == (tpm.tpm.state.any.sessions[session.handle] == nil))
        #expect(effects.contains(.contextInitialisedByState) == tpm.tpm.state.any.contexts.outstanding.isEmpty)
        #expect(effects.contains(.transInitialisedByState) == !tpm.transports.contains(transport.handle))
        #expect(effects.contains(.auditDigestZeroedByAny) == (tpm.tpm.state.any.auditDigest == .zero))
        #expect(effects.contains(.hashInitialisedByState) == (tpm.tpm.state.any.sha1 == nil))
    }

    // MARK: The defence against dictionary attacks

    private func info(_ tpm: OwnedTPM, _ entity: UInt16 = 2) throws -> DAInfo {
        try WireDecoder.decode(DAInfo.self, from: try tpm.capability(.daLogic, be16(entity)).get())
    }

    /// A trial of a wrong owner secret.
    private func fail(_ tpm: OwnedTPM) throws {
        let session = try tpm.client.oiap(Secret([UInt8](repeating: 9, count: 20)))
        #expect(tpm.code(OwnerSetDisable.self, .init(disableState: false), session) == .authFail)
    }

    @Test func theDefenceIsInactiveUntilItsThreshold() throws {
        let tpm = OwnedTPM()
        for count in 0..<4 as Range<UInt16> {
            let expected = DAInfo(
                state: .inactive, currentCount: count, thresholdCount: 5,
                actionAtThreshold: DAActionType(actions: .timeout), actionDependValue: 0)
            #expect(try info(tpm) == expected)
            try fail(tpm)
        }
    }

    @Test func theWaitThatRemainsIsReportedInSecondsRoundedUp() throws {
        let tpm = OwnedTPM()
        for _ in 0..<4 { try fail(tpm) }
        for wait in [1, 2, 4, 8] as [UInt64] {
            try fail(tpm)
            #expect(try info(tpm).state == .active)
            #expect(try info(tpm).actionDependValue == UInt32(wait))
            tpm.clock.advance(microseconds: wait * 1_000_000 - 1)
            #expect(try info(tpm).actionDependValue == 1)
            #expect(try info(tpm).state == .active)
            tpm.clock.advance(microseconds: 1)
            #expect(try info(tpm).state == .inactive)
            #expect(try info(tpm).actionDependValue == 0)
        }
        #expect(try info(tpm).currentCount == 8)
        _ = try tpm.client.execute(ResetLockValue.self, .init(), try tpm.ownerSession())
        #expect(try info(tpm).currentCount == 0)
    }

    @Test func aCountBeyondTheFieldIsItsLargestValue() throws {
        let tpm = OwnedTPM()
        tpm.tpm.state.permanent.failedAuthorizations = 70_000
        #expect(try info(tpm).currentCount == .max)
    }

    @Test func everyEntityHasTheSameAnswerAndWhatIsNoneIsWrongEntityType() throws {
        let tpm = OwnedTPM()
        try fail(tpm)
        let answer = try info(tpm)
        for entity in [0x01, 0x02, 0x04, 0x0a, 0x0b, 0x0c, 0x0602] as [UInt16] {
            #expect(try info(tpm, entity) == answer)
        }
        for entity in [0, 0x0d, 0x40, 0x0702, 0xffff] as [UInt16] {
            #expect(tpm.capability(.daLogic, be16(entity)) == .failure(.wrongEntityType), "\(entity)")
        }
    }

    @Test func theLimitedAnswerKeepsTheCountToItself() throws {
        let tpm = OwnedTPM()
        for _ in 0..<5 { try fail(tpm) }
        tpm.tpm.state.permanent.flags.disableFullDALogicInfo = true
        let expected = DAInfoLimited(state: .active, actionAtThreshold: DAActionType(actions: .timeout))
        #expect(tpm.capability(.daLogic, be16(2)) == .success(try expected.encoded()))
    }

    @Test func aTrialOfTheOwnerIsOpenAgainInTheNextLockout() throws {
        let tpm = OwnedTPM()
        for _ in 0..<5 { try fail(tpm) }
        // While it is locked, one trial that fails closes the command.
        let wrong = try tpm.client.oiap(Secret([UInt8](repeating: 9, count: 20)))
        #expect(tpm.code(ResetLockValue.self, .init(), wrong) == .authFail)
        #expect(tpm.code(ResetLockValue.self, .init(), try tpm.ownerSession()) == .authFail)
        tpm.clock.advance(seconds: 100)
        try fail(tpm)
        let disable = OwnerSetDisable.Request(disableState: false)
        #expect(tpm.code(OwnerSetDisable.self, disable, try tpm.ownerSession()) == .defendLockRunning)
        #expect(tpm.code(ResetLockValue.self, .init(), try tpm.ownerSession()) == .success)
        #expect(tpm.code(OwnerSetDisable.self, disable, try tpm.ownerSession()) == .success)
    }
}
