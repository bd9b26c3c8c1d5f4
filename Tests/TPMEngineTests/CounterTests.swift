import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

/// Monotonic counters (Part 1, 17; Part 3, 25).
@Suite struct CounterTests {
    private static let auth = OwnedTPM.keyAuth
    private static let label = Array("test".utf8)

    private func create(_ tpm: OwnedTPM, _ label: [UInt8] = label) throws -> CreateCounter.Response {
        try tpm.client.createCounter(label: label, auth: Self.auth, owner: tpm.ownerAuth)
    }

    private func increment(_ countID: UInt32, on tpm: OwnedTPM) throws -> UInt32 {
        try tpm.client.incrementCounter(countID, auth: Self.auth).counter
    }

    private func read(_ countID: UInt32, on tpm: OwnedTPM) throws -> UInt32 {
        try tpm.client.readCounter(countID).counter
    }

    @Test func whatAllCommandsShare() throws {
        let tpm = OwnedTPM()
        let owner = try tpm.ownerOSAP()
        try check(
            CreateCounter.self, .init(encAuth: try owner.hide(Self.auth), label: Self.label), on: tpm, owner)
        let aes = try tpm.ownerOSAP(.aes128CTR)
        try check(CreateCounter.self, .init(encAuth: try aes.hide(Self.auth), label: Self.label), on: tpm, aes)
        let counter = CounterRequest(countID: try create(tpm).countID)
        try check(IncrementCounter.self, counter, on: tpm, try tpm.keySession())
        try check(ReadCounter.self, counter, on: tpm)
        try check(ReleaseCounter.self, counter, on: tpm, try tpm.keySession())
        try check(ReleaseCounterOwner.self, counter, on: tpm, try tpm.ownerSession())
        let bound = try tpm.client.osap(.counter, counter.countID, secret: Self.auth, continues: true)
        try check(IncrementCounter.self, counter, on: tpm, bound)
        try check(ReleaseCounter.self, counter, on: tpm, bound)
    }

    @Test func aCounterStartsOneAboveAllOthersAndKeepsItsLabel() throws {
        let tpm = OwnedTPM()
        let first = try create(tpm)
        #expect(first.counterValue == CounterValue(label: Self.label, counter: 1))
        for count in 2...5 as ClosedRange<UInt32> { #expect(try increment(first.countID, on: tpm) == count) }
        let second = try create(tpm, [0, 0xff, 0, 1])
        #expect(second.counterValue == CounterValue(label: [0, 0xff, 0, 1], counter: 6))
        #expect(second.countID != first.countID)
        #expect(try tpm.client.readCounter(second.countID) == second.counterValue)
        #expect(try read(first.countID, on: tpm) == 5)
        #expect(tpm.lastOutcome?.changesPermanentState == false)
    }

    /// The course of the example in Part 1, 17, where one counter never moves another.
    @Test func countersMoveOneAfterTheOther() throws {
        let tpm = OwnedTPM()
        tpm.tpm.state.permanent.counters = try MonotonicCounters(counters: [], maximum: 22)
        let first = try create(tpm)
        #expect(first.counterValue.counter == 23)
        for _ in 0..<5 { _ = try increment(first.countID, on: tpm) }
        #expect(try read(first.countID, on: tpm) == 28)
        try tpm.restart()
        let second = try create(tpm)
        #expect(second.counterValue.counter == 29)
        for _ in 0..<8 { _ = try increment(second.countID, on: tpm) }
        #expect(try read(second.countID, on: tpm) == 37)
        try tpm.restart()
        #expect(try increment(first.countID, on: tpm) == 29)
        #expect(try read(second.countID, on: tpm) == 37)
    }

    @Test func onlyTheFirstIncrementedCounterMovesUntilTheNextStart() throws {
        let tpm = OwnedTPM()
        let first = try create(tpm).countID
        let second = try create(tpm).countID
        #expect(tpm.number(.activeCounter) == .max)
        #expect(try increment(second, on: tpm) == 3)
        #expect(tpm.number(.activeCounter) == second)
        #expect(tpm.code(IncrementCounter.self, .init(countID: first), try tpm.keySession()) == .badCounter)
        #expect(try read(first, on: tpm) == 1)
        // Making a counter does not choose one.
        _ = try create(tpm)
        #expect(try increment(second, on: tpm) == 4)
        try tpm.restart()
        #expect(tpm.number(.activeCounter) == .max)
        #expect(try increment(first, on: tpm) == 2)
        #expect(tpm.code(IncrementCounter.self, .init(countID: second), try tpm.keySession()) == .badCounter)
    }

    @Test func aFailedIncrementChoosesNoCounter() throws {
        let tpm = OwnedTPM()
        let counter = try create(tpm).countID
        #expect(tpm.code(IncrementCounter.self, .init(countID: counter), try tpm.srkSession()) == .authFail)
        #expect(tpm.tpm.state.clear.countID == 0)
        #expect(try read(counter, on: tpm) == 1)
    }

    @Test func theActiveCounterOutlivesASavedStateAndNoOther() throws {
        let tpm = OwnedTPM()
        let first = try create(tpm).countID
        let second = try create(tpm).countID
        _ = try increment(first, on: tpm)
        try tpm.client.execute(SaveState.self, .init())
        tpm.tpm.state = try TPMState(serialised: try tpm.tpm.state.serialised().bytes)
        try tpm.restart(.state)
        #expect(tpm.number(.activeCounter) == first)
        #expect(tpm.code(IncrementCounter.self, .init(countID: second), try tpm.keySession()) == .badCounter)
        #expect(try increment(first, on: tpm) == 3)
        try tpm.restart()
        #expect(try increment(second, on: tpm) == 3)
    }

    @Test func choosingACounterEndsASavedState() throws {
        let tpm = OwnedTPM()
        let counter = try create(tpm).countID
        try tpm.client.execute(SaveState.self, .init())
        _ = try increment(counter, on: tpm)
        #expect(tpm.tpm.state.saved == nil)
    }

    @Test func aCounterThatIsNotThereIsBadCounter() throws {
        let tpm = OwnedTPM()
        _ = try create(tpm)
        for countID in [0, 2, .max] as [UInt32] {
            let request = CounterRequest(countID: countID)
            #expect(tpm.code(IncrementCounter.self, request, try tpm.keySession()) == .badCounter)
            #expect(tpm.code(ReadCounter.self, request) == .badCounter)
            #expect(tpm.code(ReleaseCounter.self, request, try tpm.keySession()) == .badCounter)
            #expect(tpm.code(ReleaseCounterOwner.self, request, try tpm.ownerSession()) == .badCounter)
            #expect(
                tpm.result { _ = try tpm.client.osap(.counter, countID, secret: Self.auth) } == .badCounter)
        }
        // The owner's secret counts before the counter does, the counter's own cannot.
        #expect(tpm.code(ReleaseCounterOwner.self, .init(countID: 9), try tpm.keySession()) == .authFail)
    }

    @Test func creatingNeedsASessionBoundToTheOwner() throws {
        let tpm = OwnedTPM()
        let request = CreateCounter.Request(encAuth: Self.auth, label: Self.label)
        #expect(tpm.code(CreateCounter.self, request, try tpm.ownerSession()) == .badMode)
        #expect(tpm.code(CreateCounter.self, request, try tpm.srkOSAP()) == .authFail)
        let owner = try tpm.ownerOSAP(continues: true)
        try tpm.client.execute(CreateCounter.self, request, owner)
        #expect(!owner.isOpen)
    }

    @Test func thereIsRoomForEightAndWhatIsReleasedMakesRoom() throws {
        let tpm = OwnedTPM()
        #expect(tpm.number(.maxCounters) == 8)
        var counters: [UInt32] = []
        for left in (0..<8).reversed() as ReversedCollection<Range<UInt32>> {
            counters.append(try create(tpm).countID)
            #expect(tpm.number(.counters) == left)
        }
        #expect(tpm.result { _ = try create(tpm) } == .resources)
        #expect(try tpm.client.counters() == counters)
        try tpm.client.releaseCounter(counters[3], auth: Self.auth)
        let new = try create(tpm)
        #expect(new.counterValue.counter == 9)
        #expect(!counters.contains(new.countID))
    }

    @Test(arguments: [false, true])
    func aReleasedCounterIsGoneAndItsPlaceStaysEmpty(_ byOwner: Bool) throws {
        let tpm = OwnedTPM()
        let first = try create(tpm).countID
        let second = try create(tpm).countID
        for _ in 0..<4 { _ = try increment(first, on: tpm) }
        if byOwner {
            try tpm.client.releaseCounter(first, owner: tpm.ownerAuth)
        } else {
            try tpm.client.releaseCounter(first, auth: Self.auth)
        }
        #expect(tpm.code(ReadCounter.self, .init(countID: first)) == .badCounter)
        #expect(tpm.number(.activeCounter) == .max)
        // Neither an old nor a new counter takes the place of the active one before the next start.
        let third = try create(tpm)
        #expect(third.counterValue.counter == 6)
        for countID in [first, second, third.countID, .max] {
            #expect(tpm.code(IncrementCounter.self, .init(countID: countID), try tpm.keySession()) == .badCounter)
        }
        try tpm.restart()
        #expect(try increment(second, on: tpm) == 3)
    }

    @Test func releasingAnotherCounterLeavesTheActiveOne() throws {
        let tpm = OwnedTPM()
        let first = try create(tpm).countID
        let second = try create(tpm).countID
        _ = try increment(first, on: tpm)
        try tpm.client.releaseCounter(second, auth: Self.auth)
        #expect(try increment(first, on: tpm) == 3)
    }

    @Test(arguments: [false, true])
    func theSessionsOfAReleasedCounterEnd(_ byOwner: Bool) throws {
        let tpm = OwnedTPM()
        let counter = try create(tpm).countID
        let other = try create(tpm).countID
        let bound = try tpm.client.osap(.counter, counter, secret: Self.auth, continues: true)
        let second = try tpm.client.osap(.counter, counter, secret: Self.auth, continues: true)
        let stays = try tpm.client.osap(.counter, other, secret: Self.auth, continues: true)
        #expect(tpm.code(IncrementCounter.self, .init(countID: counter), bound) == .success)
        if byOwner {
            try tpm.client.releaseCounter(counter, owner: tpm.ownerAuth)
        } else {
            try tpm.client.execute(ReleaseCounter.self, .init(countID: counter), bound)
            #expect(!bound.isOpen)
        }
        #expect(tpm.tpm.state.any.sessions[second.handle] == nil)
        #expect(tpm.tpm.state.any.sessions.sessions.map(\.handle) == [stays.handle])
    }

    @Test func aSessionOfOneCounterDoesNotServeAnother() throws {
        let tpm = OwnedTPM()
        let first = try create(tpm).countID
        let second = try create(tpm).countID
        let bound = try tpm.client.osap(.counter, first, secret: Self.auth)
        #expect(tpm.code(IncrementCounter.self, .init(countID: second), bound) == .authFail)
    }

    @Test func aSavedSessionComesBackWhileItsCounterIsThere() throws {
        let tpm = OwnedTPM()
        let counter = try create(tpm).countID
        func save(_ session: Session) throws -> ContextBlob {
            let request = SaveContext.Request(
                handle: session.handle, resourceType: .auth, label: [UInt8](repeating: 7, count: 16))
            return try #require(try tpm.client.execute(SaveContext.self, request).contextBlob)
        }
        func load(_ blob: ContextBlob) throws -> LoadContext.Response {
            try tpm.client.execute(
                LoadContext.self, .init(entityHandle: counter, keepHandle: true, contextBlob: blob))
        }
        let session = try tpm.client.osap(.counter, counter, secret: Self.auth, continues: true)
        _ = try load(try save(session))
        #expect(tpm.code(IncrementCounter.self, .init(countID: counter), session) == .success)
        let blob = try save(session)
        try tpm.client.releaseCounter(counter, auth: Self.auth)
        _ = try create(tpm)
        #expect(tpm.result { _ = try load(blob) } == .resourceMissing)
    }

    @Test func theOwnersEndTakesTheCountersButNotTheirHighestValue() throws {
        let tpm = OwnedTPM()
        let counter = try create(tpm).countID
        for _ in 0..<9 { _ = try increment(counter, on: tpm) }
        try tpm.changeOwner()
        #expect(tpm.code(ReadCounter.self, .init(countID: counter)) == .badCounter)
        #expect(try tpm.client.counters().isEmpty)
        let new = try create(tpm)
        #expect(new.counterValue.counter == 11)
        #expect(try increment(new.countID, on: tpm) == 12)
    }

    @Test func readingNeedsNoOwner() throws {
        let tpm = OwnedTPM(.started)
        #expect(tpm.code(ReadCounter.self, .init(countID: 1)) == .badCounter)
    }

    @Test func atTheEndOfTheNumbersNothingBeginsAgain() throws {
        let tpm = OwnedTPM()
        let end = UInt32.max - 1
        tpm.tpm.state.permanent.counters = try MonotonicCounters(counters: [], maximum: end - 2)
        let last = try create(tpm)
        #expect(last.counterValue.counter == end - 1)
        #expect(try increment(last.countID, on: tpm) == end)
        #expect(tpm.code(IncrementCounter.self, .init(countID: last.countID), try tpm.keySession()) == .fail)
        #expect(try read(last.countID, on: tpm) == end)
        #expect(tpm.result { _ = try create(tpm) } == .fail)
    }

    // MARK: As bytes

    @Test func countersOutliveThePower() throws {
        let tpm = OwnedTPM()
        let first = try create(tpm)
        let second = try create(tpm)
        _ = try increment(first.countID, on: tpm)
        #expect(tpm.lastOutcome?.changesPermanentState == true)
        try tpm.client.releaseCounter(second.countID, auth: Self.auth)
        tpm.tpm.state = try TPMState(serialised: try tpm.tpm.state.serialised().bytes)
        try tpm.restart()
        #expect(try tpm.client.counters() == [first.countID])
        #expect(try increment(first.countID, on: tpm) == 3)
        #expect(try create(tpm).counterValue.counter == 4)
    }

    @Test func countersThatCannotHaveComeAboutAreRefused() throws {
        func counter(_ countID: UInt32, _ value: UInt32) -> MonotonicCounters.Counter {
            .init(countID: countID, value: CounterValue(label: Self.label, counter: value))
        }
        func isRefused(_ counters: [MonotonicCounters.Counter], _ maximum: UInt32) -> Bool {
            (try? MonotonicCounters(counters: counters, maximum: maximum)) == nil
        }
        #expect(!isRefused([counter(1, 4), counter(2, 2)], 4))
        #expect(isRefused([counter(1, 4), counter(1, 2)], 4))
        #expect(isRefused([counter(0, 4)], 4))
        #expect(isRefused([counter(3, 2)], 4))
        #expect(isRefused([counter(3, 0)], 4))
        #expect(isRefused([counter(1, 5)], 4))
        #expect(isRefused([], .max))
        #expect(isRefused((1...9).map { counter($0, 9) }, 9))
    }

    @Test func aStateOfVersion1HasNoCounters() throws {
        let tpm = OwnedTPM()
        // The first version did not know the audit sessions, of which ownership opened some.
        tpm.tpm.state.permanent.auditMonotonicCounter = 0
        var stored = try StoredState(tpm.tpm.state)
        stored.version = 1
        let payload = try stored.encoded()
        let framed = Array("vTPM 1.2".utf8) + be32(1) + be32(UInt32(payload.count)) + payload
        let state = try TPMState(serialised: framed + SHA1.hash(framed).bytes)
        #expect(state.permanent.fingerprint == tpm.tpm.state.permanent.fingerprint)
        #expect(state.permanent.counters.counters.isEmpty)
        #expect(state.permanent.counters.maximum == 0)
    }
}
