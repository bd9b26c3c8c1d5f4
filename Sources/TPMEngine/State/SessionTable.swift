import TPMCrypto
import TPMWire

/// An authorization session (Part 1, 13; Part 3, 18).
public struct AuthSession: Sendable, Equatable {
    public let handle: UInt32
    public let protocolID: ProtocolID
    /// The nonce that the next command's HMAC must cover.
    public var nonceEven: Digest
}

/// The open authorization sessions, at most ``capacity``.
public struct SessionTable: Sendable, Equatable {
    public static let capacity = 16

    public private(set) var sessions: [AuthSession] = []

    public init() {}

    /// Opens a session, or throws TPM_RESOURCES. The handle is one that no open session has (Part 2, 4.4): the
    /// first free one at or after the random `start`.
    mutating func open(_ protocolID: ProtocolID, nonceEven: Digest, start: UInt32) throws(TPMResult) -> AuthSession {
        guard sessions.count < Self.capacity else { throw .resources }
        var handle = start
        while handle == 0 || self[handle] != nil { handle &+= 1 }
        let session = AuthSession(handle: handle, protocolID: protocolID, nonceEven: nonceEven)
        sessions.append(session)
        return session
    }

    public subscript(handle: UInt32) -> AuthSession? {
        sessions.first { $0.handle == handle }
    }

    /// Ends one session; `error` when there is none of that handle.
    mutating func close(_ handle: UInt32, else error: TPMResult) throws(TPMResult) {
        guard let index = sessions.firstIndex(where: { $0.handle == handle }) else { throw error }
        sessions.remove(at: index)
    }

    mutating func closeAll() {
        sessions.removeAll()
    }
}
