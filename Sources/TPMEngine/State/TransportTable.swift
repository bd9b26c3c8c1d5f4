import TPMCrypto
import TPMWire

/// The open transport sessions, at most ``capacity`` (Part 1, 18; Part 2, 13.2).
public struct TransportTable: Sendable, Equatable {
    public static let capacity = 16

    public private(set) var sessions: [TransportInternal] = []

    public init() {}

    public var freeCount: Int { Self.capacity - sessions.count }

    public subscript(handle: UInt32) -> TransportInternal? { sessions.first { $0.transHandle == handle } }

    /// The session that any command outside of it ends (TPM_STANY_FLAGS -> transportExclusive); there is at most one.
    public var exclusive: TransportInternal? {
        sessions.first { $0.transPublic.transAttributes.contains(.exclusive) }
    }

    /// Takes a session in, or throws TPM_RESOURCES. Its handle is the first free one at or after `start` (Part 2, 4.4).
    mutating func open(_ session: TransportInternal, start: UInt32) throws(TPMResult) -> TransportInternal {
        guard freeCount > 0 else { throw .resources }
        var session = session
        session.transHandle = freeHandle(from: start) { self[$0] != nil }
        sessions.append(session)
        return session
    }

    /// Replaces a session by what it became; nothing when it has ended in between.
    mutating func update(_ session: TransportInternal) {
        guard let index = sessions.firstIndex(where: { $0.transHandle == session.transHandle }) else { return }
        sessions[index] = session
    }

    /// Ends one session; false when there is none of that handle.
    @discardableResult
    mutating func close(_ handle: UInt32) -> Bool {
        guard let index = sessions.firstIndex(where: { $0.transHandle == handle }) else { return false }
        sessions.remove(at: index)
        return true
    }

    /// Ends the sessions with a log, in which the ticks of two tick sessions must not stand (Part 1, 18.1 item 4).
    mutating func closeLogged() {
        sessions.removeAll { $0.transPublic.transAttributes.contains(.log) }
    }

    mutating func closeAll() { sessions.removeAll() }
}
