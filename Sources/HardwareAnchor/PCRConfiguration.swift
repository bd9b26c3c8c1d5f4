import TPMCrypto
import TPMWire

/// The digest that a bank of PCRs is made with.
public enum PCRAlgorithm: UInt16, Sendable, Hashable, CaseIterable, CustomStringConvertible {
    /// TPM 1.2's only one.
    case sha1 = 0x0004
    /// TPM 2.0's.
    case sha256 = 0x000b

    /// The size of a PCR in bytes.
    public var byteCount: Int { self == .sha1 ? Digest.byteCount : SHA256.byteCount }

    public var description: String { self == .sha1 ? "sha1" : "sha256" }
}

/// What a machine booted: the values of some of its PCRs.
public struct PCRConfiguration: Sendable, Hashable, CustomStringConvertible {
    public private(set) var algorithm = PCRAlgorithm.sha256
    /// A value of the algorithm's size for each PCR, 0 to 23.
    public private(set) var values: [Int: [UInt8]] = [:]

    /// - Throws: ``AnchorError/unfit(_:)`` for a PCR that there is not, a value of another size, and no PCR at all.
    public init(_ algorithm: PCRAlgorithm, _ values: [Int: [UInt8]]) throws(AnchorError) {
        guard !values.isEmpty else { throw .unfit("A configuration names at least one PCR.") }
        for (index, value) in values {
            guard AnchorLimit.pcrIndices.contains(index) else {
                throw .unfit("There is no PCR \(index): name 0 to 23.")
            }
            guard value.count == algorithm.byteCount else {
                throw .unfit("PCR \(index) has \(algorithm.byteCount) bytes in \(algorithm), not \(value.count).")
            }
        }
        self.algorithm = algorithm
        self.values = values
    }

    public var indices: Set<Int> { Set(values.keys) }

    /// The values in the order of their PCRs.
    public var ordered: [(index: Int, value: [UInt8])] { values.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } }

    /// The PCRs that have another value in `other`, or none, in order.
    public func differences(from other: PCRConfiguration) -> [Int] {
        guard algorithm == other.algorithm else { return indices.sorted() }
        return indices.filter { values[$0] != other.values[$0] }.sorted()
    }

    /// A word for each PCR.
    public var description: String {
        "\(algorithm) " + ordered.map { "\($0.index)=\(Hexadecimal.encode($0.value))" }.joined(separator: " ")
    }
}

/// An algorithm in 2 bytes, a number of PCRs in one, and each with a byte before its value.
///
/// Another algorithm, and PCRs that are not in order, are TPM_INVALID_STRUCTURE.
extension PCRConfiguration: WireStructure {
    public init() {}

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.value("algorithm", &algorithm, else: .invalidStructure)
        var entries = ordered.map { Entry(index: UInt8(clamping: $0.index), value: $0.value) }
        var count = UInt8(clamping: entries.count)
        try coder.uint8("count", &count)
        if coder.isDecoding {
            entries = []
            values = [:]
        }
        var next = 0
        for position in 0..<Int(count) {
            var entry = coder.isDecoding ? Entry() : entries[position]
            try coder.uint8("index", &entry.index)
            try coder.fixed("value", &entry.value, count: algorithm.byteCount)
            guard coder.isDecoding else { continue }
            guard next <= Int(entry.index), AnchorLimit.pcrIndices.contains(Int(entry.index)) else {
                throw .invalidStructure
            }
            next = Int(entry.index) + 1
            values[Int(entry.index)] = entry.value
        }
        guard !values.isEmpty else { throw .invalidStructure }
    }

    private struct Entry {
        var index: UInt8 = 0
        var value: [UInt8] = []
    }
}
