import TPMCrypto
import TPMWire

/// A time in which the tick counter runs without a break: from TPM_Init to the loss of power, and never from one clock
/// to another (Part 1, 20.1).
public struct TickSession: Sendable, Equatable {
    /// The ticks up to ``latest``: microseconds since the session began.
    private(set) var elapsed: UInt64
    /// What the clock showed when it was read last, in microseconds.
    private(set) var latest: UInt64
    /// Nil until the ticks are asked for the first time.
    var nonce: Digest?

    /// A session that is `elapsed` ticks old when the clock shows `now`.
    public init(start now: UInt64 = 0, elapsed: UInt64 = 0, nonce: Digest? = nil) {
        self.elapsed = elapsed
        latest = now
        self.nonce = nonce
    }

    /// Counts on to `now`; false when the clock went back, and nothing can be counted.
    mutating func advance(to now: UInt64) -> Bool {
        guard now >= latest else { return false }
        // Sixty-four bits of microseconds last for half a million years, and then begin again.
        elapsed &+= now - latest
        latest = now
        return true
    }
}

extension AnyState {
    /// Counts the ticks on to `now`. When the clock went back a new tick session begins, and the logged transport
    /// sessions end: the TPM was moved to another host, say (Part 1, 18.1 item 4 and 20.1 items 1 and 2).
    mutating func advanceTicks(to now: UInt64) {
        if !ticks.advance(to: now) { restartTicks(at: now) }
    }

    /// Begins a new tick session when time did not run on without a break.
    mutating func restartTicks(at now: UInt64) {
        ticks = TickSession(start: now)
        transports.closeLogged()
    }
}

extension Execution {
    /// TPM_STANY_DATA -> currentTicks (Part 2, 15.1): the microseconds since the tick session began.
    mutating func currentTicks() throws(TPMResult) -> CurrentTicks {
        state.any.advanceTicks(to: environment.clock.microseconds)
        let nonce = if let known = state.any.ticks.nonce { known } else { try nonce() }
        state.any.ticks.nonce = nonce
        return CurrentTicks(currentTicks: state.any.ticks.elapsed, tickRate: 1, tickNonce: nonce)
    }
}
