import Synchronization

/// True for the first who asks.
final class Once: Sendable {
    private let count = Counter()
    var isFirst: Bool { count.next() == 1 }
    var happened: Bool { count.value > 0 }
}

/// Counts from 1.
final class Counter: Sendable {
    private let count = Atomic(0)

    func next() -> Int { count.add(1, ordering: .acquiringAndReleasing).newValue }

    var value: Int { count.load(ordering: .acquiring) }
}

/// The same numbers in every run.
struct Steps {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    /// 0 up to less than `limit`.
    mutating func next(_ limit: UInt64) -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return (state >> 33) % limit
    }
}
