import Foundation
import TPMCrypto
import TPMEngine
import TPMServer
import Testing

@testable import VTPMManager

@Suite struct GuestStateStoreTests {
    private let test: TestStore
    private let guest: UUID

    init() throws {
        test = try TestStore()
        guest = try test.guest("web")
    }

    private func locked() throws -> GuestStateStore {
        let states = GuestStateStore(test.store, guest: guest)
        try states.lock(waiting: 0, continues: false)
        return states
    }

    private func state(failedAuthorizations: UInt32) -> TPMState {
        var state = TPMState()
        state.permanent.failedAuthorizations = failedAuthorizations
        return state
    }

    private func reason(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "nothing was refused"
        } catch { return "\(error)" }
    }

    @Test func whatWasSavedIsLoaded() throws {
        do {
            let states = try locked()
            #expect(try states.load() == nil && states.loadVolatile() == nil)
            try states.save(state(failedAuthorizations: 3))
            try states.save(state(failedAuthorizations: 4))
        }
        #expect(try locked().load()?.permanent.failedAuthorizations == 4)
        try test.open()
        #expect(try locked().load()?.permanent.failedAuthorizations == 4)
        #expect(try test.settings(guest) == "settings")
    }

    @Test func aVolatileStateIsKeptAndRemoved() throws {
        let states = try locked()
        let before = test.store.nextCheckpoint()?.sequence
        try states.saveVolatile(nil)
        try states.saveVolatile(Secret("volatile"))
        #expect(try states.loadVolatile()?.text == "volatile")
        try states.saveVolatile(nil)
        try states.saveVolatile(nil)
        #expect(try states.loadVolatile() == nil)
        // To remove what is not there is no commit.
        try test.store.confirm(try #require(test.store.nextCheckpoint()))
        #expect(test.store.nextCheckpoint()?.sequence == before.map { $0 + 2 })
        states.release()
        try test.open()
        #expect(try locked().loadVolatile() == nil)
        // The version goes on behind that of the removal, so that the old record is none of the new.
        let key = RecordKey(guest: guest, kind: .volatile)
        #expect(test.store.writer.look { $0.records[key]?.version } == 2)
        try locked().saveVolatile(Secret("again"))
        #expect(test.store.writer.look { $0.records[key]?.version } == 3)
    }

    /// What became of a change.
    private func keep(_ change: StateChange, in states: GuestStateStore) -> String {
        let (told, isTold) = (Slot<StoreError>(), DispatchSemaphore(value: 0))
        let kept = states.keep(change) { failure in
            told.value = failure
            isTold.signal()
        }
        switch kept {
        case .durable: return "durable"
        case .failed(let failure): return failure.description
        case .later:
            isTold.wait()
            return told.value.map { "later: \($0)" } ?? "durable later"
        }
    }

    @Test func aChangeIsKeptWithoutWaiting() throws {
        let states = try locked()
        #expect(states.isQuick)
        #expect(keep(StateChange(state: state(failedAuthorizations: 3)), in: states) == "durable later")
        #expect(try states.load()?.permanent.failedAuthorizations == 3)
        try states.saveVolatile(Secret("volatile"))
        let both = StateChange(state: state(failedAuthorizations: 4), endsSuspension: true)
        #expect(keep(both, in: states) == "durable later")
        #expect(try states.load()?.permanent.failedAuthorizations == 4)
        #expect(try states.loadVolatile() == nil)
        // There is nothing left to remove.
        #expect(keep(StateChange(state: nil, endsSuspension: true), in: states) == "durable")
        #expect(keep(both, in: states) == "durable later")
        states.release()
        #expect(keep(both, in: states).contains("web"))
        try states.lock(waiting: 0, continues: false)
        test.close()
        #expect(keep(both, in: states).contains("closed"))
    }

    @Test func aGuestIsServedOnce() throws {
        var first: GuestStateStore? = try locked()
        #expect(reason { _ = try locked() }.contains("the guest web is being served already"))
        try first?.lock(waiting: 0, continues: false)
        first?.release()
        let second = try locked()
        let refused = reason { try first?.lock(waiting: 0, continues: false) }
        #expect(refused.contains("served already"))
        second.release()
        first = try locked()
        #expect(first != nil)
        // It is released with the object.
        first = nil
        _ = try locked()
        let other = try test.guest("mail")
        try GuestStateStore(test.store, guest: other).lock(waiting: 0, continues: false)
    }

    @Test func whoWaitsGetsTheGuestThatIsReleased() throws {
        let first = try locked()
        Thread {
            usleep(50_000)
            first.release()
        }.start()
        let second = GuestStateStore(test.store, guest: guest)
        #expect(reason { try second.lock(waiting: 10, continues: false) }.contains("served already"))
        try second.lock(waiting: 10_000, continues: false)
    }

    @Test func whoGoesOnMustHaveBeenTheLast() throws {
        let (first, second) = (try locked(), GuestStateStore(test.store, guest: guest))
        try first.save(state(failedAuthorizations: 1))
        first.release()
        try first.lock(waiting: 0, continues: true)
        first.release()
        try second.lock(waiting: 0, continues: true)
        second.release()
        #expect(reason { try first.lock(waiting: 0, continues: true) }.contains("served by somebody else"))
        try first.lock(waiting: 0, continues: false)
    }

    @Test func withoutTheLockNothingIsLoadedOrSaved() throws {
        let states = GuestStateStore(test.store, guest: guest)
        for _ in 0..<2 {
            #expect(reason { _ = try states.load() }.contains("is not locked"))
            #expect(reason { try states.save(TPMState()) }.contains("is not locked"))
            #expect(reason { _ = try states.loadVolatile() }.contains("is not locked"))
            #expect(reason { try states.saveVolatile(nil) }.contains("is not locked"))
            try states.lock(waiting: 0, continues: false)
            states.release()
        }
    }

    @Test func aClosedGroupsGuestSaysSo() throws {
        let states = try locked()
        try states.save(TPMState())
        test.store.closeGroup(test.group)
        #expect(reason { try states.save(TPMState()) }.contains("The group group is closed"))
        #expect(reason { _ = try states.load() }.contains("The group group is closed"))
    }

    @Test func aStateThatIsNoneIsRefusedAndLeft() throws {
        let key = RecordKey(guest: guest, kind: .permanent)
        try test.store.writer.save(Secret("no state of a TPM"), as: key)
        #expect(reason { _ = try locked().load() }.contains("The stored state of the guest web"))
        #expect(try test.store.writer.load(key)?.text == "no state of a TPM")
    }
}
