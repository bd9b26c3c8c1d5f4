import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

/// The defence against dictionary attacks, and TPM_ResetLockValue (Part 3, 9.3).
@Suite struct LockoutTests {
    /// One try with a wrong secret.
    @discardableResult
    private func guess(on tpm: OwnedTPM) throws -> TPMResult? {
        let session = try tpm.client.oiap(Secret([UInt8](repeating: 0xee, count: 20)))
        defer { tpm.tpm.state.any.sessions.close(session.handle) }
        return tpm.code(OwnerReadInternalPub.self, .init(keyHandle: .ek), session)
    }

    private func read(on tpm: OwnedTPM) throws -> TPMResult? {
        let session = try tpm.ownerSession(continues: false)
        defer { tpm.tpm.state.any.sessions.close(session.handle) }
        return tpm.code(OwnerReadInternalPub.self, .init(keyHandle: .ek), session)
    }

    private func reset(on tpm: OwnedTPM, _ secret: Secret = OwnedTPM.ownerAuth) throws -> TPMResult? {
        tpm.code(ResetLockValue.self, .init(), try tpm.client.oiap(secret))
    }

    @Test func theSharedChecksPass() throws {
        let tpm = OwnedTPM()
        try check(ResetLockValue.self, .init(), on: tpm, try tpm.ownerSession())
        try check(ResetLockValue.self, .init(), on: tpm, try tpm.ownerOSAP(continues: false))
    }

    @Test func failuresBelowTheThresholdCostNothing() throws {
        let tpm = OwnedTPM()
        for _ in 1..<Lockout.threshold { #expect(try guess(on: tpm) == .authFail) }
        #expect(try read(on: tpm) == .success)
    }

    @Test func fromTheThresholdOnEachFailureDoublesTheWait() throws {
        let tpm = OwnedTPM()
        for _ in 1..<Lockout.threshold { try guess(on: tpm) }
        for seconds in [UInt64(1), 2, 4, 8, 16, 32] {
            #expect(try guess(on: tpm) == .authFail)
            // Also the right secret has to wait, and a try during the wait is not counted.
            #expect(try read(on: tpm) == .defendLockRunning)
            #expect(try guess(on: tpm) == .defendLockRunning)
            tpm.clock.advance(microseconds: seconds * 1_000_000 - 1)
            #expect(try read(on: tpm) == .defendLockRunning)
            tpm.clock.advance(microseconds: 1)
            #expect(try read(on: tpm) == .success)
        }
    }

    @Test func noWaitIsLongerThanADay() {
        #expect(Lockout.seconds(failures: 4) == 0)
        #expect(Lockout.seconds(failures: 5) == 1)
        #expect(Lockout.seconds(failures: 21) == 65_536)
        #expect(Lockout.seconds(failures: 22) == 86_400)
        #expect(Lockout.seconds(failures: .max) == 86_400)
    }

    @Test func aRestartKeepsTheCountAndStartsTheWaitAgain() throws {
        let tpm = OwnedTPM()
        for _ in 0..<Lockout.threshold + 1 {
            try guess(on: tpm)
            tpm.clock.advance(seconds: 1)
        }
        try tpm.restart()
        #expect(tpm.tpm.state.permanent.failedAuthorizations == Lockout.threshold + 1)
        #expect(try read(on: tpm) == .defendLockRunning)
        tpm.clock.advance(seconds: 2)
        #expect(try read(on: tpm) == .success)
    }

    @Test func aCountedFailureIsReportedAsAChangeThatMustBeKept() throws {
        let tpm = OwnedTPM()
        try guess(on: tpm)
        #expect(tpm.lastOutcome?.changesPermanentState == true)
    }

    @Test func theOwnerEndsTheWaitAndTheCount() throws {
        let tpm = OwnedTPM()
        for _ in 0..<Lockout.threshold { try guess(on: tpm) }
        #expect(try reset(on: tpm) == .success)
        #expect(tpm.tpm.state.permanent.failedAuthorizations == 0)
        #expect(try read(on: tpm) == .success)
    }

    @Test func aFailedResetClosesTheCommandUntilTheWaitIsOver() throws {
        let tpm = OwnedTPM()
        for _ in 0..<Lockout.threshold { try guess(on: tpm) }
        #expect(try reset(on: tpm, Secret(count: 20)) == .authFail)
        // The right secret comes too late, and is not counted.
        let failures = tpm.tpm.state.permanent.failedAuthorizations
        #expect(failures == Lockout.threshold + 1)
        #expect(try reset(on: tpm) == .authFail)
        #expect(tpm.tpm.state.permanent.failedAuthorizations == failures)
        tpm.clock.advance(seconds: 2)
        #expect(try reset(on: tpm) == .success)
        #expect(!tpm.tpm.state.clear.disableResetLock)
    }

    @Test func thatTheResetFailedIsKeptOverAResumeAndForgottenByAStart() throws {
        let tpm = OwnedTPM()
        for _ in 0..<Lockout.threshold { try guess(on: tpm) }
        #expect(try reset(on: tpm, Secret(count: 20)) == .authFail)
        try tpm.client.execute(SaveState.self, .init())
        tpm.tpm.state = try TPMState(serialised: try tpm.tpm.state.serialised().bytes)
        try tpm.restart(.state)
        // The wait of a TPM that was restarted begins again.
        #expect(try reset(on: tpm) == .authFail)
        try tpm.restart()
        #expect(try reset(on: tpm) == .success)
    }

    @Test func aFailedResetEndsWhatWasSavedBeforeIt() throws {
        let tpm = OwnedTPM()
        try tpm.client.execute(SaveState.self, .init())
        try guess(on: tpm)
        #expect(tpm.tpm.state.saved != nil)
        #expect(try reset(on: tpm, Secret(count: 20)) == .authFail)
        #expect(tpm.tpm.state.saved == nil)
    }

    @Test func aFailedResetClosesTheCommandAlsoBelowTheThreshold() throws {
        let tpm = OwnedTPM()
        #expect(try reset(on: tpm, Secret(count: 20)) == .authFail)
        #expect(try reset(on: tpm) == .authFail)
        tpm.clock.advance(seconds: 1)
        #expect(try reset(on: tpm) == .success)
    }
}
