import TPMCrypto
import TPMTesting
import TPMWire
import Testing

@testable import TPMEngine

/// Testing the TPM, and failure mode (Part 3, 4; Part 1, 9.2).
@Suite struct SelfTestTests {
    @Test func theSharedChecksPass() throws {
        for stage in [OwnedTPM.Stage.started, .owned] {
            let tpm = OwnedTPM(stage)
            try check(SelfTestFull.self, .init(), on: tpm)
            try check(ContinueSelfTest.self, .init(), on: tpm)
            try check(GetTestResult.self, .init(), on: tpm)
        }
    }

    @Test func aTPMWhoseRandomSourceFailsShutsDownUntilTheNextInit() throws {
        let tpm = OwnedTPM()
        let random = TestRandom(seed: Array("self-test".utf8))
        tpm.tpm.environment.random = random
        #expect(tpm.code(SelfTestFull.self, .init()) == .success)
        random.fault = .fails
        #expect(tpm.code(SelfTestFull.self, .init()) == .failedSelfTest)
        #expect(tpm.code(PcrRead.self, .init(pcrIndex: 0)) == .failedSelfTest)
        #expect(tpm.code(Startup.self, .init(.clear)) == .failedSelfTest)
        #expect(try tpm.client.execute(GetTestResult.self, .init()).outData == Array("failed".utf8))
        try tpm.restart()
        #expect(tpm.code(PcrRead.self, .init(pcrIndex: 0)) == .success)
    }

    @Test func failureModeForgetsTheSavedState() throws {
        let tpm = OwnedTPM()
        #expect(tpm.code(SaveState.self, .init()) == .success)
        tpm.tpm.fail()
        tpm.tpm.initialize()
        #expect(tpm.code(Startup.self, .init(.state)) == .failedSelfTest)
    }
}
