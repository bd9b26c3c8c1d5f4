import TPMEngine
import TestSupport
import Testing

@testable import TPMServer

@Suite struct TPMInstanceTests {
    private let store = MemoryStore()
    private let recorder = Recorder()

    private func instance() throws -> TPMInstance {
        let tpm = TPMInstance(store: store, environment: Environment(), observer: recorder)
        try tpm.powerOn()
        return tpm
    }

    private func transmit(_ command: [UInt8], to tpm: TPMInstance) -> UInt32? {
        returnCode(tpm.finish(tpm.execute(command)))
    }

    @Test func aNewTPMIsSavedAtOnce() throws {
        _ = try instance()
        #expect(store.saves == 1)
        _ = try instance()
        #expect(store.saves == 1)
    }

    @Test func aNewTPMThatCannotBeSavedDoesNotStart() {
        store.setFailure(.full)
        #expect(throws: StoreError.self) { try instance() }
    }

    @Test func onlyWhatChangesTheLastingStateIsSaved() throws {
        let tpm = try instance()
        try tpm.startUp(.clear)
        let saves = store.saves
        for command in [pcrRead, extend(1), getRandom(8)] { #expect(transmit(command, to: tpm) == 0) }
        #expect(store.saves == saves)
        #expect(transmit(presenceEnable, to: tpm) == 0)
        #expect(store.saves == saves + 1)
        #expect(store.saved?.permanent.flags.physicalPresenceCMDEnable == true)
    }

    @Test func theObserverHearsTheAnswerThatLeaves() throws {
        let tpm = try instance()
        try tpm.startUp(.clear)
        store.setFailure(.full)
        let answer = tpm.finish(tpm.execute(presenceEnable))
        #expect(recorder.responses.last == answer)
    }

    @Test func withoutAStoreNothingIsKept() throws {
        let tpm = TPMInstance(store: nil, environment: Environment(), observer: recorder)
        try tpm.powerOn()
        try tpm.startUp(.clear)
        #expect(tpm.mustWait(for: tpm.execute(presenceEnable)) == false)
    }

    @Test func aStateStartupGoesOnFromWhatWasKept() throws {
        let first = try instance()
        try first.startUp(.clear)
        #expect(transmit(extend(7), to: first) == 0)
        let register = first.finish(first.execute(pcrRead))
        // TPM_SaveState
        #expect(transmit([0, 0xc1, 0, 0, 0, 10, 0, 0, 0, 0x98], to: first) == 0)
        let second = try instance()
        try second.startUp(.state)
        #expect(second.finish(second.execute(pcrRead)) == register)
        // It was used up, on disk too.
        #expect(throws: StartupError.self) { try instance().startUp(.state) }
    }

    @Test func aStateStartupWithoutASavedStateIsRefusedAndHarmless() throws {
        let tpm = try instance()
        #expect(throws: StartupError.self) { try tpm.startUp(.state) }
        try tpm.startUp(.clear)
        #expect(transmit(pcrRead, to: tpm) == 0)
    }

    @Test func withoutAStartupTheClientSendsIt() throws {
        let tpm = try instance()
        try tpm.startUp(.none)
        #expect(transmit(pcrRead, to: tpm) == 38)
        #expect(transmit(startupClear, to: tpm) == 0)
        #expect(transmit(pcrRead, to: tpm) == 0)
    }
}
