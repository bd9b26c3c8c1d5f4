import TPMClient
import TPMCrypto
import TPMTesting
import TPMWire
import Testing

@testable import TPMEngine

/// The volatile state of a TPM that runs, written as bytes and gone on with elsewhere.
@Suite struct VolatileStateTests {
    private let wallTime: UInt64 = 1_790_000_000_000_000

    /// Another TPM with the same permanent state, on another host: its clock shows something else.
    private func elsewhere(_ tpm: TPM, clock: HandClock = HandClock()) throws -> TPM {
        var state = try TPMState(serialised: try tpm.state.serialisedPermanent().bytes)
        if let saved = try tpm.state.serialisedSaved() { try state.restoreSaved(saved.bytes) }
        var other = TPM(state: state, environment: tpm.environment)
        other.environment.clock = clock
        other.initialize()
        return other
    }

    // MARK: Nothing is forgotten

    /// The fields of a structure that hold something else than they do by default.
    private func changed(_ value: Any, from standard: Any) -> [String] {
        zip(Mirror(reflecting: value).children, Mirror(reflecting: standard).children).compactMap { field, other in
            fingerprint(of: field.value) == fingerprint(of: other.value) ? nil : field.label
        }
    }

    private func fields(_ value: Any) -> [String] { Mirror(reflecting: value).children.compactMap(\.label) }

    /// A part that is added to the state fails this, until somebody has seen to it that it is kept.
    @Test func theStateHasTheseParts() {
        #expect(fields(TPMState()) == ["_permanent", "_clear", "_any", "_keys", "_saved"])
    }

    /// A field that is added to the volatile state fails this, until the test gives it a value and it comes back.
    @Test func everyFieldComesBack() throws {
        let running = try BusyTPM().everything()
        #expect(changed(running.state.clear, from: ClearState()) == fields(ClearState()))
        #expect(changed(running.state.any, from: AnyState()) == fields(AnyState()))
        let bytes = try running.serialisedVolatile(wallTime: wallTime).bytes

        let clock = HandClock()
        clock.advance(microseconds: running.environment.clock.microseconds)
        var other = try elsewhere(running, clock: clock)
        try other.restoreVolatile(bytes, wallTime: wallTime)
        #expect(fingerprint(of: other.state.clear) == fingerprint(of: running.state.clear))
        var any = running.state.any
        any.advanceTicks(to: clock.microseconds)
        #expect(fingerprint(of: other.state.any) == fingerprint(of: any))
        #expect(fingerprint(of: other.state.keys) == fingerprint(of: running.state.keys))
        #expect(try other.serialisedVolatile(wallTime: wallTime).bytes == bytes)
    }

    // MARK: It goes on

    /// Runs a script on the TPM, then the same bytes on another that was restored in between, five seconds later, and
    /// compares the answers.
    private func compare(_ tpm: OwnedTPM, _ script: () throws -> Void) throws {
        func environment(_ clock: HandClock) -> Environment {
            Environment(
                random: SeededRandom(seed: Array("later".utf8)), clock: clock,
                keyPairs: TestKeyPairs(startingAt: 6))
        }
        let bytes = try tpm.tpm.serialisedVolatile(wallTime: wallTime).bytes
        let clock = HandClock()
        clock.advance(microseconds: 1)
        var other = try elsewhere(tpm.tpm, clock: clock)
        other.environment = environment(clock)
        try other.restoreVolatile(bytes, wallTime: wallTime + 5_000_000)

        tpm.tpm.environment = environment(tpm.clock)
        tpm.clock.advance(seconds: 5)
        var time = tpm.clock.microseconds
        let first = tpm.exchanges.count
        try script()
        #expect(tpm.exchanges.count > first)
        for exchange in tpm.exchanges[first...] {
            clock.advance(microseconds: exchange.time - time)
            time = exchange.time
            let response = other.execute(exchange.command).response
            #expect(response == exchange.response)
            guard response == exchange.response else { return }
        }
        #expect(
            try other.serialisedVolatile(wallTime: 0).bytes.dropLast(20)
                == tpm.tpm.serialisedVolatile(wallTime: 0).bytes.dropLast(20))
    }

    @Test func theNextCommandsAreAnsweredByteForByte() throws {
        let busy = try BusyTPM()
        try compare(busy.tpm) {
            try busy.goOn()
            #expect(try busy.tpm.client.ticks().currentTicks == 8_000_267)
        }
    }

    @Test func anExclusiveTransportSessionGoesOnWithTheThreadInIt() throws {
        let tpm = OwnedTPM()
        let session = try tpm.transport(.mgf1, exclusive: true)
        try tpm.client.through(session).execute(SHA1Start.self, .init())
        try compare(tpm) {
            let digest = try tpm.client.through(session).execute(SHA1Complete.self, .init(hashData: [1])).hashValue
            #expect(digest == SHA1.hash([1]))
            #expect(tpm.transports == [session.handle])
            try tpm.extend(10)
            #expect(tpm.transports.isEmpty)
        }
    }

    @Test func aLockoutLastsAsLongAsItWould() throws {
        let tpm = OwnedTPM()
        func read() throws -> TPMResult? { tpm.readsInternalPub(try tpm.client.oiap(tpm.ownerAuth)) }
        tpm.tpm.state.permanent.failedAuthorizations = Lockout.threshold + 2
        #expect(tpm.readsInternalPub(try tpm.srkSession()) == .authFail)
        tpm.clock.advance(microseconds: 1)
        try compare(tpm) {
            tpm.clock.advance(microseconds: 2_999_998)
            let early = try read()
            tpm.clock.advance(microseconds: 1)
            let late = try read()
            #expect(early == .defendLockRunning && late == .success)
        }
    }

    @Test func aFailedTPMStaysFailedAndOneBeforeStartupWaitsForIt() throws {
        let failed = OwnedTPM()
        failed.tpm.fail()
        try compare(failed) {
            let result = failed.result { try failed.extend(10) }
            #expect(result == .failedSelfTest)
        }
        let waiting = OwnedTPM()
        try waiting.extend(10)
        try waiting.client.execute(SaveState.self, .init())
        waiting.tpm.initialize()
        try compare(waiting) {
            let result = waiting.result { try waiting.extend(10) }
            #expect(result == .invalidPostInit)
            try waiting.client.execute(Startup.self, .init(.state))
            #expect(try !waiting.client.pcr(10).isZero)
        }
    }

    @Test func aDynamicLaunchGoesOn() throws {
        let tpm = OwnedTPM()
        _ = tpm.tpm.hashStart()
        _ = tpm.tpm.hashData([1, 2])
        var other = try elsewhere(tpm.tpm)
        try other.restoreVolatile(try tpm.tpm.serialisedVolatile(wallTime: wallTime).bytes, wallTime: wallTime)
        #expect(other.hashData([3]).result == .success)
        #expect(other.hashEnd().result == .success)
        #expect(other.state.clear.pcrs[17] == SHA1.hash(Digest.zero, SHA1.hash([1, 2, 3])))
        #expect(other.state.any.tosPresent)
    }

    // MARK: Time

    @Test func aTimeThatWentBackBeginsANewTickSession() throws {
        let busy = try BusyTPM()
        busy.tpm.tpm.state.any.lockedUntil = busy.tpm.clock.microseconds + 9
        let bytes = try busy.tpm.tpm.serialisedVolatile(wallTime: wallTime).bytes
        let clock = HandClock()
        clock.advance(microseconds: 70)
        var other = try elsewhere(busy.tpm.tpm, clock: clock)
        try other.restoreVolatile(bytes, wallTime: wallTime - 1)
        clock.advance(microseconds: 4)
        let ticks = try other.send(GetTicks.self, .init()).get().currentTime
        #expect(ticks.currentTicks == 4)
        #expect(ticks.tickNonce != busy.tpm.tpm.state.any.ticks.nonce)
        #expect(other.state.any.transports.sessions.map(\.transHandle) == [busy.plain.handle])
        #expect(other.state.any.lockout(at: 70) == 9)
    }

    @Test func aClockThatWentBackBeforeTheSaveDoesToo() throws {
        let tpm = OwnedTPM()
        tpm.clock.advance(seconds: 9)
        _ = [try tpm.transport(log: true)]
        let before = try tpm.client.ticks()
        tpm.tpm.environment.clock = HandClock()
        var other = try elsewhere(tpm.tpm)
        try other.restoreVolatile(try tpm.tpm.serialisedVolatile(wallTime: 0).bytes, wallTime: 0)
        let ticks = try other.send(GetTicks.self, .init()).get().currentTime
        #expect(ticks.currentTicks == 0 && ticks.tickNonce != before.tickNonce)
        #expect(other.state.any.transports.sessions.isEmpty)
    }

    @Test func timesThatCannotBeAreRefusedOrUnknown() throws {
        func resumed(after pause: UInt64?, at now: UInt64 = 7, _ change: (inout StoredAny) -> Void) -> AnyState? {
            var stored = StoredAny()
            stored.tickNonce = StoredDigest(value: Digest(repeating: 1))
            change(&stored)
            return try? stored.loaded(at: now, after: pause)
        }
        // The last tick that can be counted, and one more.
        var last = try #require(resumed(after: 1) { $0.elapsedTicks = .max - 1 })
        #expect(last.ticks == TickSession(start: 7, elapsed: .max, nonce: Digest(repeating: 1)))
        last.advanceTicks(to: .max)
        #expect(resumed(after: 2) { $0.elapsedTicks = .max - 1 }?.ticks == TickSession(start: 7))
        #expect(resumed(after: .max) { $0.elapsedTicks = .max }?.ticks == TickSession(start: 7))
        // A lockout lasts a day at most, and ends.
        let day: UInt64 = 86_400_000_000
        #expect(resumed(after: nil) { $0.lockout = day }?.lockedUntil == day + 7)
        #expect(resumed(after: nil) { $0.lockout = day + 1 } == nil)
        #expect(try #require(resumed(after: 3) { $0.lockout = 3 }).lockedUntil == nil)
        #expect(try #require(resumed(after: .max) { $0.lockout = day }).lockedUntil == nil)
        #expect(resumed(after: 0, at: .max) { $0.lockout = day } != nil)
    }
}
