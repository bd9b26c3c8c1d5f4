import TPMCrypto
import TPMWire

/// A join or a sign under way (Part 2, 22.7). TPM_DAA_Join and TPM_DAA_Sign use one kind of session; the digests in
/// it keep the one from going on with the other's.
public struct DAASession: Sendable, Equatable {
    public let handle: UInt32
    public var issuerSettings = DAAIssuer()
    public var tpmSpecific = DAATPM()
    public var session = DAAContext()
    /// Of a join alone.
    public var joinSession = DAAJoinData()

    init(handle: UInt32) { self.handle = handle }
}

/// The DAA sessions that are loaded, at most ``capacity``; one is what Part 3, 26.1 demands.
public struct DAASessionTable: Sendable, Equatable {
    public static let capacity = 4

    public private(set) var sessions: [DAASession] = []

    public init() {}

    public var freeCount: Int { Self.capacity - sessions.count }

    public subscript(handle: UInt32) -> DAASession? { sessions.first { $0.handle == handle } }

    /// Opens a session with every field at zero, or throws TPM_RESOURCES. The handle is the first free one at or after
    /// `start` (Part 2, 4.4).
    mutating func open(start: UInt32) throws(TPMResult) -> DAASession {
        guard freeCount > 0 else { throw .resources }
        let handle = freeHandle(from: start) { self[$0] != nil }
        let session = DAASession(handle: handle)
        sessions.append(session)
        return session
    }

    /// Stores what a stage made of a session that is open.
    mutating func update(_ session: DAASession) {
        guard let index = sessions.firstIndex(where: { $0.handle == session.handle }) else { return }
        sessions[index] = session
    }

    /// Ends a session; false when there is none of that handle.
    @discardableResult
    mutating func close(_ handle: UInt32) -> Bool {
        guard let index = sessions.firstIndex(where: { $0.handle == handle }) else { return false }
        sessions.remove(at: index)
        return true
    }

    mutating func closeAll() { sessions.removeAll() }
}
