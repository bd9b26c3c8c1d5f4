import Testing
import TPMCrypto
import TPMWire

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
        _ = tpm.code(TPM.bytes(Startup.self, .init(.state)))
        #expect(tpm.code(TPM.bytes(PcrRead.self, .init(pcrIndex: 0))) == .failedSelfTest)
        #expect(tpm.send(GetTestResult.self, .init()) == .success(.init(outData: Array("failed".utf8))))
    }

    @Test func startupDeactivatedTurnsTheTPMOff() {
        var tpm = TPM()
        tpm.initialize()
        #expect(tpm.code(TPM.bytes(Startup.self, .init(.deactivated))) == .success)
        #expect(tpm.code(TPM.bytes(GetRandom.self, .init(bytesRequested: 4))) == .deactivated)
    }
}
