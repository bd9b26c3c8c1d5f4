import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

/// TPM_HASH_START, TPM_HASH_DATA and TPM_HASH_END: what the processor signals at a dynamic launch.
@Suite struct DynamicLaunchTests {
    private let code = Array("the code that is launched".utf8)
    private let ones = Digest(repeating: 0xff)

    private func launch(_ tpm: OwnedTPM) {
        #expect(tpm.tpm.hashStart().result == .success)
        #expect(tpm.tpm.hashData(code).result == .success)
        #expect(tpm.tpm.hashEnd().result == .success)
    }

    @Test func theDigestIsTheFirstMeasurementInRegister17() {
        let tpm = OwnedTPM(.started)
        let before = tpm.tpm.state.clear.pcrs
        #expect((17...22).allSatisfy { before[$0] == ones })
        launch(tpm)
        let after = tpm.tpm.state.clear.pcrs
        #expect(after[17] == SHA1.hash([UInt8](repeating: 0, count: 20) + SHA1.hash(code).bytes))
        #expect((18...22).allSatisfy { after[$0] == .zero })
        #expect((Array(0...16) + [23]).allSatisfy { after[$0] == before[$0] })
    }

    @Test func otherRegistersKeepTheirValues() throws {
        let tpm = OwnedTPM(.started)
        for pcr in [0, 16, 23] as [UInt32] { try tpm.extend(pcr) }
        let before = tpm.tpm.state.clear.pcrs
        launch(tpm)
        #expect([0, 16, 23].allSatisfy { tpm.tpm.state.clear.pcrs[$0] == before[$0] && before[$0] != .zero })
    }

    @Test func theDataMayComeInAnyPieces() {
        let whole = OwnedTPM(.started)
        launch(whole)
        let pieces = OwnedTPM(.started)
        _ = pieces.tpm.hashStart()
        for byte in code { _ = pieces.tpm.hashData([byte]) }
        _ = pieces.tpm.hashData([])
        _ = pieces.tpm.hashData(ArraySlice([]))
        _ = pieces.tpm.hashEnd()
        #expect(pieces.tpm.state.clear.pcrs == whole.tpm.state.clear.pcrs)
        let nothing = OwnedTPM(.started)
        _ = nothing.tpm.hashStart()
        _ = nothing.tpm.hashEnd()
        #expect(nothing.tpm.state.clear.pcrs[17] == SHA1.hash(Digest.zero, SHA1.hash([UInt8]())))
    }

    @Test func aSecondLaunchBeginsAnew() throws {
        let tpm = OwnedTPM(.started)
        launch(tpm)
        let first = tpm.tpm.state.clear.pcrs
        tpm.locality = .two
        for pcr in [17, 18, 19, 20, 21, 22] as [UInt32] { try tpm.extend(pcr) }
        _ = tpm.tpm.hashStart()
        _ = tpm.tpm.hashData([1, 2, 3])
        launch(tpm)
        #expect(tpm.tpm.state.clear.pcrs == first)
    }

    @Test func theFlagsTellOfTheLaunch() throws {
        let tpm = OwnedTPM(.started)
        #expect(!tpm.tpm.state.permanent.flags.tpmEstablished && !tpm.tpm.state.any.tosPresent)
        let start = tpm.tpm.hashStart()
        #expect(start.changesPermanentState && start.response.isEmpty)
        #expect(!tpm.tpm.hashData(code).changesPermanentState)
        #expect(!tpm.tpm.hashEnd().changesPermanentState)
        #expect(tpm.tpm.state.any.tosPresent)
        // The one outlives power, the other does not.
        try tpm.restart()
        #expect(try tpm.client.permanentFlags().tpmEstablished)
        #expect(!tpm.tpm.state.any.tosPresent)
        #expect(!tpm.tpm.hashStart().changesPermanentState)
        // TSC_ResetEstablishmentBit, of a launched system.
        #expect(tpm.code(TSCResetEstablishmentBit.self, .init()) == .badLocality)
        tpm.locality = .three
        #expect(tpm.code(TSCResetEstablishmentBit.self, .init()) == .success)
        #expect(!tpm.tpm.state.permanent.flags.tpmEstablished)
    }

    @Test func aResetRegisterIsZeroWhileATrustedSystemIsThereAndOnesAfterIt() throws {
        let tpm = OwnedTPM(.started)
        tpm.locality = .two
        let reset = PCRReset.Request(pcrSelection: PCRSelection(indices: [20, 21, 22]))
        #expect(tpm.code(PCRReset.self, reset) == .success)
        #expect((20...22).allSatisfy { tpm.tpm.state.clear.pcrs[$0] == ones })
        launch(tpm)
        for pcr in [20, 21, 22] as [UInt32] { try tpm.extend(pcr) }
        #expect(tpm.code(PCRReset.self, reset) == .success)
        #expect((20...22).allSatisfy { tpm.tpm.state.clear.pcrs[$0] == .zero })
        // The trusted system leaves (Part 2, 7.3.1).
        tpm.locality = .three
        let leave = SetCapability.Request(
            capArea: SetCapabilityArea.stAnyFlags.rawValue, subCap: be32(STAnyFlag.tosPresent.rawValue), setValue: [0])
        #expect(tpm.code(SetCapability.self, leave) == .success)
        tpm.locality = .two
        #expect(tpm.code(PCRReset.self, reset) == .success)
        #expect((20...22).allSatisfy { tpm.tpm.state.clear.pcrs[$0] == ones })
    }

    @Test func register17IsOutOfEveryCommandsReachBelowLocality4() throws {
        let tpm = OwnedTPM(.started)
        for locality in [Locality.zero, .one, .two, .three] {
            tpm.locality = locality
            let reset = PCRReset.Request(pcrSelection: PCRSelection(indices: [17]))
            #expect(tpm.code(PCRReset.self, reset) == .notLocal)
        }
    }

    @Test func aRunningSHA1ThreadEnds() throws {
        let tpm = OwnedTPM(.started)
        try tpm.client.execute(SHA1Start.self, .init())
        _ = tpm.tpm.hashStart()
        #expect(tpm.code(SHA1Complete.self, .init(hashData: [1])) == .shaThread)
    }

    @Test func theExclusiveTransportSessionEndsAndNoOther() throws {
        let tpm = OwnedTPM()
        let stays = try tpm.transport()
        let exclusive = try tpm.transport(exclusive: true)
        #expect(tpm.tpm.state.any.transports.exclusive?.transHandle == exclusive.handle)
        _ = tpm.tpm.hashStart()
        #expect(tpm.tpm.state.any.transports.sessions.map(\.transHandle) == [stays.handle])
    }

    @Test func theOwnersEndDoesNotDisturbALaunch() throws {
        let tpm = OwnedTPM()
        _ = tpm.tpm.hashStart()
        _ = tpm.tpm.hashData(code)
        try tpm.client.clear(owner: tpm.ownerAuth)
        #expect(tpm.tpm.hashEnd().result == .success)
        #expect(tpm.tpm.state.clear.pcrs[17] == SHA1.hash(Digest.zero, SHA1.hash(code)))
    }

    @Test func aSavedStateEnds() throws {
        let tpm = OwnedTPM(.started)
        tpm.tpm.state.permanent.flags.tpmEstablished = true
        try tpm.client.execute(SaveState.self, .init())
        #expect(tpm.tpm.hashStart().changesPermanentState)
        tpm.tpm.initialize()
        #expect(tpm.code(Startup.self, .init(.state)) == .failedSelfTest)
    }

    @Test func beforeTPMStartupTheTPMShutsDown() {
        let tpm = OwnedTPM(.started)
        tpm.tpm.initialize()
        #expect(tpm.tpm.hashStart().result == .invalidPostInit)
        #expect(!tpm.tpm.state.permanent.flags.tpmEstablished && !tpm.tpm.state.any.tosPresent)
        #expect(tpm.code(Startup.self, .init(.clear)) == .failedSelfTest)
        #expect(tpm.tpm.hashStart().result == .failedSelfTest)
        tpm.tpm.initialize()
        #expect(tpm.code(Startup.self, .init(.clear)) == .success)
    }

    @Test func dataAndEndNeedAStart() {
        let tpm = OwnedTPM(.started)
        let before = tpm.tpm.state.clear.pcrs
        #expect(tpm.tpm.hashData(code).result == .shaThread)
        #expect(tpm.tpm.hashEnd().result == .shaThread)
        #expect(tpm.tpm.state.clear.pcrs == before)
        launch(tpm)
        #expect(tpm.tpm.hashEnd().result == .shaThread)
        #expect(tpm.tpm.hashData(code).result == .shaThread)
        // Power ends what was not finished.
        _ = tpm.tpm.hashStart()
        tpm.tpm.initialize()
        #expect(tpm.code(Startup.self, .init(.clear)) == .success)
        #expect(tpm.tpm.hashEnd().result == .shaThread)
        #expect(tpm.tpm.state.clear.pcrs[17] == ones)
    }

    @Test func aShutDownTPMIsNotMeasuredInto() {
        let tpm = OwnedTPM(.started)
        _ = tpm.tpm.hashStart()
        tpm.tpm.fail()
        #expect(tpm.tpm.hashData(code).result == .failedSelfTest)
        #expect(tpm.tpm.hashEnd().result == .failedSelfTest)
        #expect(tpm.tpm.hashStart().result == .failedSelfTest)
    }

    @Test func aDisabledTPMIsMeasuredInto() {
        let tpm = OwnedTPM(.started)
        tpm.tpm.state.permanent.flags.disable = true
        tpm.tpm.state.clear.flags.deactivated = true
        launch(tpm)
        #expect(tpm.tpm.state.clear.pcrs[17] != ones)
    }
}
