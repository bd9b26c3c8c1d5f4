import TPMCrypto

/// One commit in the chain of a store.
struct ChainEntry: Equatable, Sendable {
    /// Counts the commits, from 0 for a new store.
    let sequence: Int64
    /// HMAC of the number and of the sum of all rows after the commit.
    let content: [UInt8]
    /// SHA-256 of the hash before, the number and `content`.
    let hash: [UInt8]

    init(sequence: Int64, content: [UInt8], hash: [UInt8]) {
        self.sequence = sequence
        self.content = content
        self.hash = hash
    }

    /// The commit of a store that becomes `sum`; `previous` is nil for a new store. Nil when the numbers ran out.
    init?(after previous: ChainEntry?, sum: ContentSum, keys: StoreKeys) {
        let (sequence, overflow) = (previous?.sequence ?? -1).addingReportingOverflow(1)
        guard !overflow else { return nil }
        let content = Self.content(sequence, sum, keys)
        self.init(sequence: sequence, content: content, hash: Self.hash(previous?.hash, sequence, content))
    }

    var checkpoint: Checkpoint { Checkpoint(sequence: sequence, hash: hash) }

    /// True for the entry of a store with these rows.
    func describes(_ sum: ContentSum, _ keys: StoreKeys) -> Bool {
        Secret(content) == Secret(Self.content(sequence, sum, keys))
    }

    /// True when nothing was committed between the two.
    func follows(_ previous: ChainEntry) -> Bool {
        sequence &- 1 == previous.sequence && hash == Self.hash(previous.hash, sequence, content)
    }

    /// An HMAC of the entry and of the one before it in the table, which is nil for the oldest that is kept. It says, for
    /// whoever has the key, that the one grew into the other, also where those between are no longer kept.
    func code(after previous: ChainEntry?, _ keys: StoreKeys) -> [UInt8] {
        let before = previous.map { $0.sequence.bytes + $0.hash } ?? []
        return SHA256.authenticate(key: keys.chain, sequence.bytes + content + hash + before)
    }

    private static func content(_ sequence: Int64, _ sum: ContentSum, _ keys: StoreKeys) -> [UInt8] {
        SHA256.authenticate(key: keys.contents, sequence.bytes + sum.bytes)
    }

    private static func hash(_ previous: [UInt8]?, _ sequence: Int64, _ content: [UInt8]) -> [UInt8] {
        SHA256.hash(previous ?? [UInt8](repeating: 0, count: SHA256.byteCount), sequence.bytes, content)
    }
}
