import TPMCrypto
import TPMWire

/// TPM_STANY_DATA -> contextNonceSession, contextCount and contextList: which saved sessions may still come back
/// (Part 2, 7.6).
///
/// A context that is outstanding since any number of later ones still loads, so TPM_CONTEXT_GAP never occurs.
public struct ContextList: Sendable, Equatable {
    public static let capacity = 128

    /// Zero until the first session is saved.
    public var nonce = Digest.zero
    public private(set) var count: UInt32 = 0
    /// The counts of the outstanding contexts.
    public private(set) var outstanding: [UInt32] = []
    /// Those of sessions that a delegation authorizes, which end before the others.
    private(set) var delegated: Set<UInt32> = []

    public init() {}

    /// A list that has saved `count` contexts of which none is outstanding.
    init(count: UInt32) { self.count = count }

    /// A list as it was kept; TPM_BAD_PARAMETER for what cannot have come about.
    init(nonce: Digest, count: UInt32, outstanding: [UInt32], delegated: Set<UInt32>) throws(TPMResult) {
        // The counts grow, and begin at 1.
        guard outstanding.count <= Self.capacity, zip([0] + outstanding, outstanding).allSatisfy({ $0 < $1 }),
            outstanding.last ?? 0 <= count, delegated.isSubset(of: outstanding)
        else { throw .badParameter }
        self.nonce = nonce
        self.count = count
        self.outstanding = outstanding
        self.delegated = delegated
    }

    public var freeCount: Int { Self.capacity - outstanding.count }

    /// The count of a newly saved context; TPM_TOOMANYCONTEXTS or TPM_NOCONTEXTSPACE (Part 3, 21.2 action 10).
    mutating func add(isDelegated: Bool = false) throws(TPMResult) -> UInt32 {
        guard count < .max else { throw .tooManyContexts }
        guard freeCount > 0 else { throw .noContextSpace }
        count += 1
        outstanding.append(count)
        if isDelegated { delegated.insert(count) }
        return count
    }

    mutating func removeAll() {
        outstanding.removeAll()
        delegated.removeAll()
    }

    /// Crosses off the sessions that a delegation authorizes (Part 3, 18.3 description 7.g).
    mutating func removeDelegated() {
        outstanding.removeAll { delegated.contains($0) }
        delegated.removeAll()
    }

    /// Crosses a context off; false when it is not outstanding.
    mutating func remove(_ count: UInt32) -> Bool {
        guard let index = outstanding.firstIndex(of: count) else { return false }
        outstanding.remove(at: index)
        delegated.remove(count)
        return true
    }
}
