import Dispatch
import Foundation
import GRDB
import Synchronization
import TPMCrypto
import Testing

@testable import VTPMManager

/// Holds the thread of a store until it is let go.
private final class HeldWriter {
    private let mayGo = DispatchSemaphore(value: 0)
    private let ended = DispatchGroup()

    init(_ store: Store) {
        let isHeld = DispatchSemaphore(value: 0)
        let (mayGo, ended, writer) = (mayGo, ended, store.writer)
        ended.enter()
        Thread {
            try? writer.read { _ in
                isHeld.signal()
                mayGo.wait()
            }
            ended.leave()
        }.start()
        isHeld.wait()
    }

    func letGo() {
        mayGo.signal()
        ended.wait()
    }
}

@Suite struct StoreWriterTests {
    private let test: TestStore

    init() throws { test = try TestStore() }

    private func sequence() throws -> Int64 { test.store.writer.look { $0.chain.last.sequence } }

    private func version(_ guest: UUID) -> Int64? {
        test.store.writer.look { $0.records[RecordKey(guest: guest, kind: .settings)]?.version }
    }

    /// Runs each on a thread of its own; returns a group to wait for, and what each threw.
    private func start(
        _ bodies: [@Sendable () throws -> Void]
    ) -> (group: DispatchGroup, failures: Slot<[StoreFailure]>) {
        let (group, failures) = (DispatchGroup(), Slot<[StoreFailure]>())
        failures.value = []
        let lock = NSLock()
        for body in bodies {
            group.enter()
            Thread {
                if let failure = refusal(body) { lock.withLock { failures.value?.append(failure) } }
                group.leave()
            }.start()
        }
        return (group, failures)
    }

    /// Waits until so many requests wait for the thread of the store.
    private func wait(forRequests count: Int) {
        while test.store.writer.waitingCount < count { usleep(1000) }
    }

    @Test func whoeverIsToldWaitsInNoThread() throws {
        let guests = try (0..<20).map { try test.guest("guest-\($0)") }
        let before = try sequence()
        let held = HeldWriter(test.store)
        let told = Mutex<[StoreFailure?]>([])
        let group = DispatchGroup()
        for guest in guests {
            group.enter()
            let key = RecordKey(guest: guest, kind: .permanent)
            #expect(
                try test.store.writer.save(Secret("state"), as: key) { failure in
                    told.withLock { $0.append(failure) }
                    group.leave()
                })
        }
        #expect(told.withLock { $0.isEmpty })
        held.letGo()
        group.wait()
        #expect(told.withLock { $0 } == [StoreFailure?](repeating: nil, count: 20))
        #expect(try sequence() == before + 1)
        let key = RecordKey(guest: guests[7], kind: .permanent)
        #expect(try test.store.writer.load(key)?.text == "state")
        // There is nothing to tell of what is not there.
        let absent = RecordKey(guest: guests[7], kind: .volatile)
        #expect(try !test.store.writer.save(nil, as: absent) { _ in Issue.record("It was told.") })
    }

    @Test func whoeverIsToldHearsOfAClosedStore() throws {
        let guest = try test.guest("guest")
        let key = RecordKey(guest: guest, kind: .permanent)
        test.close()
        #expect(refusal { _ = try test.store.writer.save(Secret("state"), as: key) { _ in } } == .closed)
    }

    @Test func whatWaitsGoesIntoOneTransaction() throws {
        let guests = try (0..<20).map { try test.guest("guest-\($0)") }
        let before = try sequence()
        let held = HeldWriter(test.store)
        let store = test.store
        let run = start(guests.map { guest in { try store.setSettings(of: guest, to: Secret("new")) } })
        wait(forRequests: 20)
        held.letGo()
        run.group.wait()
        #expect(run.failures.value == [])
        #expect(try sequence() == before + 1)
        for guest in guests { #expect(try test.settings(guest) == "new") }
    }

    @Test func twoWaitingWritesOfARecordBecomeTheLater() throws {
        let (guest, other) = (try test.guest("web"), try test.guest("mail"))
        let before = try sequence()
        let held = HeldWriter(test.store)
        let store = test.store
        var runs: [(group: DispatchGroup, failures: Slot<[StoreFailure]>)] = []
        for number in 1...50 {
            runs.append(start([{ try store.setSettings(of: guest, to: Secret("\(number)")) }]))
            // Each takes its version before the next.
            while store.writer.issuedVersion(of: RecordKey(guest: guest, kind: .settings)) < number + 1 { usleep(100) }
        }
        runs.append(start([{ try store.setSettings(of: other, to: Secret("other")) }]))
        wait(forRequests: 2)
        usleep(20_000)
        #expect(store.writer.waitingCount == 2)
        held.letGo()
        for run in runs {
            run.group.wait()
            #expect(run.failures.value == [])
        }
        #expect(try test.settings(guest) == "50" && test.settings(other) == "other")
        #expect(try sequence() == before + 1)
        // Versions that were never written are not used again.
        #expect(version(guest) == 51 && version(other) == 2)
        try store.setSettings(of: guest, to: Secret("51"))
        #expect(version(guest) == 52)
    }

    @Test func aRefusedChangeLeavesTheOthersOfItsTransaction() throws {
        let guests = try (0..<3).map { try test.guest("guest-\($0)") }
        let held = HeldWriter(test.store)
        let (store, group) = (test.store, test.group)
        let run = start([
            { try store.setSettings(of: guests[0], to: Secret("new")) },
            { try store.rename(guest: guests[1], to: "guest-2") },
            { _ = try store.createGuest(name: "guest-0", group: group, settings: Secret("")) },
            { _ = try store.createGuest(name: "guest-3", group: group, settings: Secret("")) },
        ])
        wait(forRequests: 4)
        held.letGo()
        run.group.wait()
        #expect(
            Set(run.failures.value?.map(\.description) ?? []) == [
                StoreFailure.nameTaken("guest-2").description, StoreFailure.nameTaken("guest-0").description,
            ])
        try test.open()
        #expect(try test.store.guests().map(\.name) == ["guest-0", "guest-1", "guest-2", "guest-3"])
        #expect(try test.settings(guests[0]) == "new")
    }

    @Test func aSaveOfAGuestThatIsDeletedMeanwhileIsRefused() throws {
        let (guest, other) = (try test.guest("web"), try test.guest("mail"))
        let held = HeldWriter(test.store)
        let store = test.store
        let deletion = start([{ try store.deleteGuest(guest) }])
        wait(forRequests: 1)
        let saves = start([
            { try store.setSettings(of: guest, to: Secret("new")) },
            { try store.setSettings(of: other, to: Secret("new")) },
        ])
        wait(forRequests: 3)
        held.letGo()
        deletion.group.wait()
        saves.group.wait()
        #expect(deletion.failures.value == [] && saves.failures.value == [.noGuest(guest.uuidString)])
        try test.open()
        #expect(try test.store.guests().map(\.name) == ["mail"])
    }

    @Test func closingFinishesWhatWaits() throws {
        let guests = try (0..<5).map { try test.guest("guest-\($0)") }
        let held = HeldWriter(test.store)
        let store = test.store
        let run = start(guests.map { guest in { try store.setSettings(of: guest, to: Secret("new")) } })
        wait(forRequests: 5)
        let closing = start([{ store.close() }])
        held.letGo()
        run.group.wait()
        closing.group.wait()
        #expect(run.failures.value == [])
        #expect(refusal { try store.setSettings(of: guests[0], to: Secret("newer")) } == .closed)
        #expect(refusal { _ = try store.settings(of: guests[0]) } == .closed)
        #expect(refusal { try store.deleteGuest(guests[0]) } == .closed)
        try test.open()
        for guest in guests { #expect(try test.settings(guest) == "new") }
    }

    @Test func manyThreadsSaveTheirOwn() throws {
        let guests = try (0..<16).map { try test.guest("guest-\($0)") }
        let before = try sequence()
        let store = test.store
        let run = start(
            guests.enumerated().map { index, guest in
                {
                    for number in 0..<30 {
                        try store.setSettings(of: guest, to: Secret("\(index) \(number)"))
                        guard try store.settings(of: guest)?.text == "\(index) \(number)" else {
                            throw StoreFailure.altered("", detail: "the save before was not read")
                        }
                    }
                }
            })
        run.group.wait()
        #expect(run.failures.value == [])
        #expect(try sequence() - before < 16 * 30)
        try test.open()
        for (index, guest) in guests.enumerated() { #expect(try test.settings(guest) == "\(index) 29") }
        try test.store.checkIntegrity()
    }
}
