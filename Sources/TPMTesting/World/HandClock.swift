import Synchronization
import TPMEngine

/// A clock that stands still until a test turns it. It begins at 0.
public final class HandClock: MonotonicClock {
    private let now: Mutex<UInt64>

    public init(microseconds: UInt64 = 0) { now = Mutex(microseconds) }

    /// What the clock shows. It may be set to any time; a TPM whose clock went back begins a new tick session
    /// (Part 1, 20.1).
    public var microseconds: UInt64 {
        get { now.withLock { $0 } }
        set { now.withLock { $0 = newValue } }
    }

    /// Turns the clock on. A negative duration turns nothing.
    public func advance(by duration: Duration) {
        let (seconds, attoseconds) = duration.components
        guard duration > .zero else { return }
        advance(
            microseconds: UInt64(clamping: seconds).saturating(
                1_000_000,
                UInt64(clamping: attoseconds) / 1_000_000_000_000))
    }

    public func advance(seconds: UInt64) { advance(microseconds: seconds.saturating(1_000_000, 0)) }

    public func advance(microseconds: UInt64) {
        now.withLock { now in
            let (sum, isTooLate) = now.addingReportingOverflow(microseconds)
            now = isTooLate ? .max : sum
        }
    }
}

extension UInt64 {
    /// self · factor + addend, at most the largest number.
    fileprivate func saturating(_ factor: UInt64, _ addend: UInt64) -> UInt64 {
        let (product, isTooLarge) = multipliedReportingOverflow(by: factor)
        let (sum, overflows) = product.addingReportingOverflow(addend)
        return isTooLarge || overflows ? .max : sum
    }
}
