import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

@Suite struct StartupTests {
    @Test func nothingRunsBetweenInitAndStartup() {
        var tpm = TPM()
        tpm.initialize()
        #expect(tpm.code(TPM.bytes(PcrRead.self, .init(pcrIndex: 0))) == .invalidPostInit)
        #expect(tpm.code(TPM.bytes(Startup.self, .init(.clear))) == .success)
        #expect(tpm.code(TPM.bytes(PcrRead.self, .init(pcrIndex: 0))) == .success)
    }

    @Test func aSecondStartupIsRefused() {
        var tpm = startedTPM()
        #expect(tpm.code(TPM.bytes(Startup.self, .init(.clear))) == .invalidPostInit)
    }

    @Test func anUnknownStartupTypeAndMalformedFormsAreRefused() {
        var tpm = TPM()
        tpm.initialize()
        #expect(tpm.code([0, 0xc1, 0, 0, 0, 12, 0, 0, 0, 0x99, 0, 9]) == .badParameter)
        for command in malformed(TPM.bytes(Startup.self, .init(.clear))) {
            #expect(tpm.code(command) == .badParamSize)
        }
    }

    @Test func savedStateBringsPCRsBackAndResetsTheResettable() {
        var tpm = startedTPM()
        let measurement = Digest(repeating: 7)
        _ = tpm.send(Extend.self, .init(pcrNum: 3, inDigest: measurement))
        _ = tpm.send(Extend.self, .init(pcrNum: 16, inDigest: measurement))
        let expected = tpm.state.clear.pcrs[3]
        #expect(tpm.code(TPM.bytes(SaveState.self, .init())) == .success)
        tpm.initialize()
        #expect(tpm.code(TPM.bytes(Startup.self, .init(.state))) == .success)
        #expect(tpm.state.clear.pcrs[3] == expected)
        #expect(tpm.state.clear.pcrs[16] == .zero)
    }

    @Test func startupStateWithoutASavedStateShutsTheTPMDown() {
        var tpm = startedTPM()
        tpm.initialize()
        #expect(tpm.code(TPM.bytes(Startup.self, .init(.state))) == .failedSelfTest)
        #expect(tpm.code(TPM.bytes(PcrRead.self, .init(pcrIndex: 0))) == .failedSelfTest)
        #expect(tpm.code(TPM.bytes(Startup.self, .init(.clear))) == .failedSelfTest)
        #expect(tpm.send(GetTestResult.self, .init()) == .success(.init(outData: Array("failed".utf8))))
        tpm.initialize()
        #expect(tpm.code(TPM.bytes(Startup.self, .init(.clear))) == .success)
    }

    // MARK: Registers that begin otherwise

    private static let linked = [2: Digest(repeating: 2), 16: Digest(repeating: 16), 17: Digest(repeating: 17)]

    private func linkedTPM() -> TPM {
        TPM(environment: Environment(initialPCRs: Self.linked.merging([24: .zero, -1: .zero]) { first, _ in first }))
    }

    @Test(arguments: [StartupType.clear, .deactivated])
    func registersBeginWithWhatTheEnvironmentSays(type: StartupType) {
        var tpm = linkedTPM()
        tpm.initialize()
        #expect(tpm.code(TPM.bytes(Startup.self, .init(type))) == .success)
        let usual = PCRBank()
        for index in 0..<PCRBank.count {
            #expect(tpm.state.clear.pcrs[index] == Self.linked[index] ?? usual[index])
        }
    }

    @Test func whatWasMeasuredGoesOnFromThere() {
        var tpm = linkedTPM()
        tpm.initialize()
        _ = tpm.send(Startup.self, .init(.clear))
        let measurement = Digest(repeating: 7)
        _ = tpm.send(Extend.self, .init(pcrNum: 2, inDigest: measurement))
        let extended = SHA1.hash(Digest(repeating: 2), measurement)
        #expect(tpm.state.clear.pcrs[2] == extended)
        // TPM_Startup(ST_STATE) brings back what was, and a reset register is as in any TPM.
        #expect(tpm.code(TPM.bytes(SaveState.self, .init())) == .success)
        tpm.initialize()
        #expect(tpm.code(TPM.bytes(Startup.self, .init(.state))) == .success)
        #expect(tpm.state.clear.pcrs[2] == extended)
        #expect(tpm.state.clear.pcrs[16] == .zero)
        #expect(tpm.state.clear.pcrs[17] == Digest(repeating: 0xff))
        tpm.initialize()
        _ = tpm.send(Startup.self, .init(.clear))
        #expect(tpm.state.clear.pcrs[2] == Digest(repeating: 2))
        let selection = PCRSelection(indices: [16])
        #expect(tpm.code(TPM.bytes(PCRReset.self, .init(pcrSelection: selection))) == .success)
        #expect(tpm.state.clear.pcrs[16] == .zero)
    }

    @Test func withoutASavedStateAStartupChangesNothingThatLasts() {
        var tpm = TPM()
        tpm.initialize()
        #expect(!tpm.execute(TPM.bytes(Startup.self, .init(.clear))).changesPermanentState)
        #expect(tpm.code(TPM.bytes(SaveState.self, .init())) == .success)
        tpm.initialize()
        #expect(tpm.execute(TPM.bytes(Startup.self, .init(.clear))).changesPermanentState)
    }

    @Test func theSharedChecksPass() throws {
        let tpm = OwnedTPM()
        try check(SaveState.self, .init(), on: tpm)
        tpm.tpm.initialize()
        try check(Startup.self, .init(.clear), on: tpm)
    }

    @Test func aSavedStateServesOnce() throws {
        let tpm = OwnedTPM()
        #expect(tpm.code(SaveState.self, .init()) == .success)
        #expect(tpm.lastOutcome?.changesPermanentState == true)
        try tpm.restart(.state)
        tpm.tpm.initialize()
        #expect(tpm.code(Startup.self, .init(.state)) == .failedSelfTest)
    }

    @Test func anyStartDropsTheSavedState() throws {
        for type in [StartupType.clear, .deactivated] {
            let tpm = OwnedTPM()
            #expect(tpm.code(SaveState.self, .init()) == .success)
            try tpm.restart(type)
            tpm.tpm.initialize()
            #expect(tpm.code(Startup.self, .init(.state)) == .failedSelfTest)
        }
    }

    @Test func aChangeToWhatWasSavedMakesItInvalid() throws {
        let changes: [(OwnedTPM) throws -> Void] = [
            { try $0.client.execute(Extend.self, .init(pcrNum: 1, inDigest: .zero)) },
            { try $0.client.execute(DisableForceClear.self, .init()) },
            { _ = try $0.newKey(OwnedTPM.template(.signing)) },
            { try $0.client.execute(OwnerClear.self, .init(), try $0.ownerSession()) },
        ]
        for change in changes {
            let tpm = OwnedTPM()
            try tpm.client.execute(SaveState.self, .init())
            try change(tpm)
            tpm.tpm.initialize()
            #expect(tpm.code(Startup.self, .init(.state)) == .failedSelfTest)
        }
        // What it does not mirror may change.
        let tpm = OwnedTPM()
        try tpm.client.execute(SaveState.self, .init())
        try tpm.client.execute(DisableOwnerClear.self, .init(), try tpm.ownerSession())
        try tpm.restart(.state)
    }

    @Test func aResumeBringsBackFlagsAndKeysAndNoSession() throws {
        let tpm = OwnedTPM()
        tpm.physicalPresence = true
        let key = try tpm.newKey(OwnedTPM.template(.signing))
        let session = try tpm.ownerSession()
        try tpm.client.execute(DisableForceClear.self, .init())
        try tpm.client.execute(SaveState.self, .init())
        try tpm.restart(.state)
        #expect(tpm.tpm.state.clear.flags.disableForceClear)
        #expect(tpm.tpm.state.clear.flags.physicalPresence)
        #expect(tpm.tpm.state.keys[key] != nil)
        #expect(tpm.tpm.state.any.sessions[session.handle] == nil)
    }

    @Test func aClearStartForgetsKeysPresenceAndLocks() throws {
        let tpm = OwnedTPM()
        tpm.physicalPresence = true
        let key = try tpm.newKey(OwnedTPM.template(.signing))
        try tpm.client.execute(DisableForceClear.self, .init())
        try tpm.restart()
        #expect(tpm.tpm.state.clear.flags == STClearFlags())
        #expect(tpm.tpm.state.keys[key] == nil)
    }

    @Test func startupDeactivatedTurnsTheTPMOff() {
        var tpm = TPM()
        tpm.initialize()
        #expect(tpm.code(TPM.bytes(Startup.self, .init(.deactivated))) == .success)
        #expect(tpm.code(TPM.bytes(GetRandom.self, .init(bytesRequested: 4))) == .deactivated)
    }
}
