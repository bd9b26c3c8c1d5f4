import TPMCrypto
import TPMWire

/// TPM_PERMANENT_DATA -> monotonicCounter (Part 1, 17; Part 2, 7.4): at most ``capacity`` counters, and the highest
/// value that any counter ever had.
public struct MonotonicCounters: Sendable {
    public static let capacity = 8
    /// TPM_STCLEAR_DATA -> countID once the active counter was released: no counter has it (Part 3, 25.4 action 4).
    static let released = UInt32.max

    struct Counter: Sendable {
        /// The value that the counter started with: never zero, and never the number of another counter, not even of
        /// one that is gone.
        var countID: UInt32 = 0
        var value = CounterValue()
        var authData = Secret(count: Digest.byteCount)
    }

    private(set) var counters: [Counter] = []
    /// It only grows, whatever becomes of counters and owners.
    private(set) var maximum: UInt32 = 0

    public init() {}

    /// Counters as they were kept; TPM_BAD_PARAMETER for what cannot have come about.
    init(counters: [Counter], maximum: UInt32) throws(TPMResult) {
        guard counters.count <= Self.capacity, Set(counters.map(\.countID)).count == counters.count,
            counters.allSatisfy({ $0.countID > 0 && $0.countID <= $0.value.counter && $0.value.counter <= maximum }),
            maximum < Self.released
        else { throw .badParameter }
        self.counters = counters
        self.maximum = maximum
    }

    var freeCount: Int { Self.capacity - counters.count }

    /// A counter, or TPM_BAD_COUNTER.
    func counter(_ countID: UInt32) throws(TPMResult) -> Counter {
        guard let counter = counters.first(where: { $0.countID == countID }) else { throw .badCounter }
        return counter
    }

    /// A new counter above all that ever were (Part 3, 25.1 actions 4 to 8); TPM_RESOURCES without room for it.
    mutating func create(label: [UInt8], authData: Secret) throws(TPMResult) -> Counter {
        guard freeCount > 0 else { throw .resources }
        let start = try successor(of: maximum)
        let counter = Counter(
            countID: start, value: CounterValue(label: label, counter: start), authData: authData)
        counters.append(counter)
        maximum = start
        return counter
    }

    /// The counter's next value; TPM_BAD_COUNTER without it.
    mutating func increment(_ countID: UInt32) throws(TPMResult) -> CounterValue {
        guard let index = counters.firstIndex(where: { $0.countID == countID }) else { throw .badCounter }
        counters[index].value.counter = try successor(of: counters[index].value.counter)
        maximum = max(maximum, counters[index].value.counter)
        return counters[index].value
    }

    mutating func release(_ countID: UInt32) { counters.removeAll { $0.countID == countID } }

    mutating func releaseAll() { counters.removeAll() }

    /// TPM_FAIL at the end of the numbers, rather than beginning again.
    private func successor(of value: UInt32) throws(TPMResult) -> UInt32 {
        guard value < Self.released - 1 else { throw .fail }
        return value + 1
    }
}
