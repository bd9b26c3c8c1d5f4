import TPMCrypto
import TPMWire

/// A time in which the tick counter runs without a break: from TPM_Init to the loss of power, and never from one clock
/// to another (Part 1, 20.1).
public struct TickSession: Sendable, Equatable {
    /// What the clock showed when the session began, in microseconds.
    let start: UInt64
    /// What it showed when it was read last.
    var latest: UInt64
    /// Nil until the ticks are asked for the first time.
    var nonce: Digest?

    public init(start: UInt64 = 0) {
        self.start = start
        latest = start
    }
}

extension Execution {
    /// TPM_STANY_DATA -> currentTicks (Part 2, 15.1): the microseconds since the tick session began.
    mutating func currentTicks() throws(TPMResult) -> CurrentTicks {
        let now = environment.clock.microseconds
        if now < state.any.ticks.latest {
            // The clock went back: the TPM was moved to another host, say. Part 1, 20.1 items 1 and 2.
            state.any.ticks = TickSession(start: now)
            state.any.transports.closeLogged()
        }
        let nonce = if let known = state.any.ticks.nonce { known } else { try nonce() }
        state.any.ticks.nonce = nonce
        state.any.ticks.latest = now
        return CurrentTicks(currentTicks: now - state.any.ticks.start, tickRate: 1, tickNonce: nonce)
    }
}
