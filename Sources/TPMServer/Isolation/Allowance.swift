import Dispatch

/// So many at once, and so many in the long run.
package struct Allowance: Sendable {
    private let capacity: Int
    /// Nanoseconds until one more is allowed.
    private let interval: UInt64
    private var left: Int
    private var time: UInt64

    /// - Parameter seconds: until one more is allowed, at least 1.
    package init(_ capacity: Int, oneMoreAfter seconds: UInt64) {
        self.capacity = capacity
        interval = max(seconds, 1) * 1_000_000_000
        left = capacity
        time = DispatchTime.now().uptimeNanoseconds
    }

    /// True when it is allowed now, which uses it up.
    package mutating func take(at now: UInt64 = DispatchTime.now().uptimeNanoseconds) -> Bool {
        if now >= time {
            let more = (now - time) / interval
            left = min(capacity, left + Int(clamping: min(more, UInt64(capacity))))
            time += more * interval
        }
        guard left > 0 else { return false }
        left -= 1
        return true
    }
}
