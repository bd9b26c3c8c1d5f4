import TPMWire

/// The defence against dictionary attacks: after ``threshold`` failed authorizations each further one closes the
/// TPM to authorization for a time that doubles (Part 1, 8.7; Part 3, 9.3).
///
/// The count outlives power, so that a restart does not give the attacker a fresh start.
enum Lockout {
    /// Failures that cost nothing but are counted.
    static let threshold: UInt32 = 5
    /// The longest wait, a day.
    static let maximumSeconds: UInt64 = 86_400

    /// How long `failures` failed authorizations close the TPM, in seconds; 0 below the threshold.
    static func seconds(failures: UInt32) -> UInt64 {
        guard failures >= threshold else { return 0 }
        let doublings = UInt64(min(failures - threshold, 20))
        return min(1 << doublings, maximumSeconds)
    }
}

extension TPM {
    /// Starts the wait that the failures so far demand.
    mutating func restartLockout(atLeast minimum: UInt64 = 0) {
        let seconds = max(Lockout.seconds(failures: state.permanent.failedAuthorizations), minimum)
        guard seconds > 0 else { return }
        state.any.lockedUntil = environment.clock.microseconds &+ seconds &* 1_000_000
    }

    /// Counts a failed authorization, which a failed command leaves behind though nothing else.
    mutating func countFailure(of ordinal: Ordinal) {
        let count = state.permanent.failedAuthorizations
        state.permanent.failedAuthorizations = count == .max ? count : count + 1
        if ordinal == .resetLockValue {
            // Part 3, 9.3 action 2: no further trial until the wait is over, however few failures there were.
            setDisableResetLock(true)
            restartLockout(atLeast: 1)
        } else {
            // This trial came after the last wait, with which TPM_ResetLockValue opened again (action 1.a).
            setDisableResetLock(false)
            restartLockout()
        }
    }

    /// What does not change is not written to, and does not cost what TPM_SaveState kept.
    private mutating func setDisableResetLock(_ value: Bool) {
        if state.clear.disableResetLock != value { state.clear.disableResetLock = value }
    }
}

extension AnyState {
    /// Microseconds until authorization is possible again, 0 when it is.
    func lockout(at now: UInt64) -> UInt64 {
        guard let end = lockedUntil, now < end else { return 0 }
        return end - now
    }
}

extension Execution {
    /// Microseconds until authorization is possible again, 0 when it is.
    var lockoutRemaining: UInt64 { state.any.lockout(at: environment.clock.microseconds) }

    /// TPM_DEFEND_LOCK_RUNNING during a lockout.
    func checkLockout() throws(TPMResult) {
        // The owner may try to end the lockout with TPM_ResetLockValue, once (Part 3, 9.3 action 1).
        guard lockoutRemaining > 0, row.ordinal != .resetLockValue else { return }
        throw .defendLockRunning
    }
}
