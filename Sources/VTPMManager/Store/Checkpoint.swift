/// A commit of a store: what the hardware TPM remembers, so that no older copy is taken for the store.
public struct Checkpoint: Equatable, Sendable, CustomStringConvertible {
    /// Counts the commits, from 0 for a new store.
    public let sequence: UInt64
    /// 32 bytes, of the entry of the chain.
    public let hash: [UInt8]

    /// Size in bytes of ``bytes``.
    public static let byteCount = 40

    init(sequence: Int64, hash: [UInt8]) {
        self.sequence = UInt64(clamping: sequence)
        self.hash = hash
    }

    /// From the 40 bytes of ``bytes``; nil for any other count.
    public init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        sequence = bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
        hash = Array(bytes.dropFirst(8))
    }

    /// The sequence number in 8 bytes, big-endian, and the hash.
    public var bytes: [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: sequence >> (56 - 8 * $0)) } + hash
    }

    public var description: String {
        "commit \(sequence), " + hash.prefix(4).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() + "…"
    }
}
