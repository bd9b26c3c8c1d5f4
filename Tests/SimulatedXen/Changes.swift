import Foundation

/// Lets threads wait for what others do, without looking again and again.
public final class Changes: @unchecked Sendable {
    private let condition = NSCondition()
    private var count: UInt64 = 0

    public init() {}

    /// Something changed: whoever waits looks again.
    public func note() {
        condition.lock()
        count &+= 1
        condition.broadcast()
        condition.unlock()
    }

    /// Returns true as soon as `isThere` does, which is called again after each change; false after a time.
    public func wait(seconds: Double, until isThere: () throws -> Bool) rethrows -> Bool {
        let end = Date(timeIntervalSinceNow: seconds)
        while true {
            let seen = current
            if try isThere() { return true }
            guard wait(past: seen, until: end) else { return try isThere() }
        }
    }

    private var current: UInt64 {
        condition.lock()
        defer { condition.unlock() }
        return count
    }

    /// False when nothing changed until `end`.
    private func wait(past seen: UInt64, until end: Date) -> Bool {
        condition.lock()
        defer { condition.unlock() }
        while count == seen {
            guard condition.wait(until: end) else { return count != seen }
        }
        return true
    }
}

/// What did not happen, or cannot be done, in a sentence.
public struct SimulationError: Error, CustomStringConvertible, Equatable {
    public let description: String

    public init(_ description: String) { self.description = description }
}
