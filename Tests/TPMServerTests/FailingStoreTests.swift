import TPMClient
import TPMCrypto
import TPMEngine
import TPMWire
import TestSupport
import Testing

@testable import TPMServer

/// A store that fails for a while.
@Suite struct FailingStoreTests {
    private let store = MemoryStore()
    private let recorder = Recorder()

    private func instance() throws -> TPMInstance {
        let tpm = TPMInstance(store: store, environment: Environment(), observer: recorder)
        try tpm.powerOn()
        return tpm
    }

    private func startedInstance() throws -> TPMInstance {
        let tpm = try instance()
        try tpm.startUp(.clear)
        return tpm
    }

    @Test func whatNeedsTheStoreIsRefusedUntilItWorks() throws {
        let tpm = try startedInstance()
        store.setFailure(.full)
        #expect(tpm.perform(presenceEnable) == .noSpace)
        // It had no effect.
        #expect(tpm.perform(presencePresent) == .badParameter)
        store.setFailure(.broken)
        #expect(tpm.perform(presenceEnable) == .fail)
        for command in [pcrRead, extend(1), getRandom(8)] { #expect(tpm.perform(command) == .success) }
        store.setFailure(nil)
        #expect(tpm.perform(presenceEnable) == .success)
        // However many were refused, it is said once.
        #expect(recorder.store == ["The disk is full.", "works"])
        let next = try startedInstance()
        #expect(next.perform(presencePresent) == .success)
    }

    @Test func aRefusedCommandIsNotStoredLater() throws {
        let tpm = try startedInstance()
        store.setFailure(.full)
        #expect(tpm.perform(presenceEnable) == .noSpace)
        store.setFailure(nil)
        #expect(tpm.perform(pcrRead) == .success)
        #expect(recorder.store == ["The disk is full.", "works"])
        #expect(store.saved?.permanent.flags.physicalPresenceCMDEnable == false)
        let saves = store.saves
        #expect(tpm.perform(pcrRead) == .success)
        #expect(store.saves == saves)
    }

    @Test func aRefusedCommandEndsItsSessions() throws {
        let tpm = try startedInstance()
        let client = TPMClient(InProcessTransport { tpm.finish(tpm.execute($0)) })
        _ = try client.createEndorsementKey()
        let owner = Secret([UInt8](repeating: 1, count: 20))
        try client.takeOwnership(owner: owner)
        store.setFailure(.full)
        // More than there is room for.
        for _ in 0..<40 {
            #expect(throws: ClientError.self) {
                try client.defineNV(0x1234, size: 8, permissions: .ownerWrite, owner: owner)
            }
        }
        store.setFailure(nil)
        try client.defineNV(0x1234, size: 8, permissions: .ownerWrite, owner: owner)
    }

    // MARK: What failed by itself

    /// The state of a TPM with an owner.
    private static let owned: TPMState? = {
        let store = MemoryStore()
        let tpm = TPMInstance(store: store, environment: Environment(), observer: Recorder())
        let client = TPMClient(InProcessTransport { tpm.finish(tpm.execute($0)) })
        do {
            try tpm.powerOn()
            try tpm.startUp(.clear)
            _ = try client.createEndorsementKey()
            _ = try client.takeOwnership(owner: Secret([UInt8](repeating: 1, count: 20)))
        } catch { return nil }
        return store.saved
    }()

    private func ownedInstance() throws -> (TPMInstance, TPMClient) {
        try store.save(try #require(Self.owned))
        let tpm = try startedInstance()
        return (tpm, TPMClient(InProcessTransport { tpm.finish(tpm.execute($0)) }))
    }

    /// The answer to a wrong guess at the owner's secret.
    private func guess(_ client: TPMClient) -> TPMResult? {
        do {
            _ = try client.storageRootKey(owner: Secret([UInt8](repeating: 9, count: 20)))
            return .success
        } catch {
            return (error as? ClientError)?.result
        }
    }

    @Test func noGuessIsFreeWhileTheDiskIsFull() throws {
        let (tpm, client) = try ownedInstance()
        store.setFailure(.full)
        for _ in 0..<5 { #expect(guess(client) == .noSpace) }
        // They count all the same, and what changes nothing goes on.
        #expect(guess(client) == .defendLockRunning)
        #expect(tpm.perform(pcrRead) == .success)
        #expect(store.saved?.permanent.failedAuthorizations == 0)
        // Nor does the loss of power help.
        try tpm.powerOn()
        try tpm.startUp(.clear)
        #expect(guess(client) == .defendLockRunning)
        store.setFailure(nil)
        #expect(tpm.perform(pcrRead) == .success)
        #expect(store.saved?.permanent.failedAuthorizations == 5)
        #expect(recorder.store == ["The disk is full.", "works"])
    }

    @Test func whatWasNotSavedIsSavedBeforeTheNextAnswer() throws {
        let (tpm, client) = try ownedInstance()
        store.setFailure(.broken)
        #expect(guess(client) == .fail)
        store.setFailure(nil)
        #expect(tpm.perform(presenceEnable) == .success)
        #expect(store.saved?.permanent.failedAuthorizations == 1)
        #expect(store.saved?.permanent.flags.physicalPresenceCMDEnable == true)
    }

    // MARK: A suspended TPM

    @Test func whatIsOfThePastIsRemovedBeforeAnythingChanges() throws {
        let tpm = try startedInstance()
        #expect(tpm.perform(extend(1)) == .success)
        let register = tpm.finish(tpm.execute(pcrRead))
        try tpm.suspend()
        store.setFailure(.full)
        #expect(tpm.perform(extend(2)) == .noSpace)
        #expect(tpm.finish(tpm.execute(pcrRead)) == register)
        #expect(store.loadVolatile() != nil)
        store.setFailure(nil)
        #expect(tpm.perform(extend(2)) == .success)
        #expect(store.loadVolatile() == nil)
    }

    @Test func afterALossOfPowerNothingOfThePastGoesOn() throws {
        let (tpm, client) = try ownedInstance()
        #expect(tpm.perform(extend(1)) == .success)
        try tpm.suspend()
        store.setFailure(.full)
        // The session that it opens needs the store, too.
        #expect(guess(client) == .noSpace)
        try tpm.powerOn()
        #expect(tpm.perform(pcrRead) == .invalidPostInit)
        store.setFailure(nil)
        #expect(tpm.perform(startupClear) == .success)
        #expect(store.loadVolatile() == nil)
    }

    @Test func aTPMThatCannotBeSuspendedGoesOn() throws {
        let tpm = try startedInstance()
        store.setFailure(.full)
        #expect(refusal { try tpm.suspend() } == "The disk is full.")
        #expect(tpm.perform(pcrRead) == .success)
        store.setFailure(nil)
        try tpm.suspend()
        #expect(store.loadVolatile() != nil)
    }

    @Test func aVolatileStateBelongsToWhatIsStored() throws {
        let (tpm, client) = try ownedInstance()
        store.setFailure(.full)
        #expect(guess(client) == .noSpace)
        #expect(refusal { try tpm.suspend() } == "The disk is full.")
        store.setFailure(nil)
        try tpm.suspend()
        #expect(store.saved?.permanent.failedAuthorizations == 1)
        let register = tpm.finish(tpm.execute(pcrRead))
        let next = try instance()
        #expect(next.finish(next.execute(pcrRead)) == register)
    }

    // MARK: Signals

    @Test func aSignalNeedsTheStore() throws {
        let tpm = try startedInstance()
        store.setFailure(.full)
        #expect(tpm.signal { $0.hashStart() } == .noSpace)
        #expect(!tpm.isEstablished)
        #expect(tpm.signal { $0.hashEnd() } == .shaThread)
        store.setFailure(nil)
        #expect(tpm.signal { $0.hashStart() } == .success)
        #expect(store.saved?.permanent.flags.tpmEstablished == true)
        #expect(tpm.signal { $0.hashEnd() } == .success)
        store.setFailure(.full)
        #expect(tpm.resetEstablished(at: .three) == .noSpace)
        #expect(tpm.isEstablished)
        store.setFailure(nil)
        #expect(tpm.resetEstablished(at: .three) == .success)
        #expect(!tpm.isEstablished)
    }
}
