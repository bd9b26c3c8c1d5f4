import TPMCrypto
import TPMWire

/// What a secret belongs to (Part 2, 4.3).
public enum Entity: Sendable, Hashable {
    case owner
    /// A loaded key; the SRK by its reserved handle.
    case key(KeyHandle)
    case nv(UInt32)
    case counter(UInt32)
    /// A secret that no session can be bound to: sealed data, an operator, a key on its way in.
    case unbound
}

/// An authorization session (Part 1, 13; Part 3, 18).
public struct AuthSession: Sendable, Equatable {
    /// What TPM_OSAP or TPM_DSAP binds a session to.
    public struct Binding: Sendable, Equatable {
        public var entity: Entity
        public let sharedSecret: Secret
        /// How new authorization data is encrypted in transit (Part 1, 13.4).
        public let scheme: ADIPScheme
        /// What the session may do when it began with a secret that stands for the entity's (Part 3, 18.3); nil for one
        /// that may do all.
        public let delegation: DelegatePublic?
    }

    public let handle: UInt32
    /// The nonce that the next command's HMAC must cover.
    public var nonceEven: Digest
    /// Nil for an OIAP session.
    public let binding: Binding?

    /// A session of TPM_OSAP is one of TPM_DSAP when a row stood for the owner (Part 3, 18.2 description 5).
    public var protocolID: ProtocolID {
        guard let binding else { return .oiap }
        return binding.delegation == nil ? .osap : .dsap
    }
}

/// The open authorization sessions, at most ``capacity``.
public struct SessionTable: Sendable, Equatable {
    public static let capacity = 16

    public private(set) var sessions: [AuthSession] = []

    public init() {}

    public var freeCount: Int { Self.capacity - sessions.count }

    /// Opens a session, or throws TPM_RESOURCES. The handle is one that no open session has (Part 2, 4.4): the
    /// first free one at or after the random `start`.
    mutating func open(
        nonceEven: Digest, start: UInt32, binding: AuthSession.Binding? = nil
    ) throws(TPMResult) -> AuthSession {
        guard freeCount > 0 else { throw .resources }
        let handle = freeHandle(from: start) { self[$0] != nil }
        let session = AuthSession(handle: handle, nonceEven: nonceEven, binding: binding)
        sessions.append(session)
        return session
    }

    public subscript(handle: UInt32) -> AuthSession? {
        sessions.first { $0.handle == handle }
    }

    mutating func roll(_ handle: UInt32, to nonceEven: Digest) {
        guard let index = sessions.firstIndex(where: { $0.handle == handle }) else { return }
        sessions[index].nonceEven = nonceEven
    }

    /// Ends one session; false when there is none of that handle.
    @discardableResult
    mutating func close(_ handle: UInt32) -> Bool {
        guard let index = sessions.firstIndex(where: { $0.handle == handle }) else { return false }
        sessions.remove(at: index)
        return true
    }

    /// Ends the sessions bound to a secret that is gone or has changed (Part 3, 18.2 action 14).
    mutating func close(boundTo entity: Entity) {
        sessions.removeAll { $0.binding?.entity == entity }
    }

    /// Ends the sessions that a delegation authorizes (Part 3, 18.3 description 7.g).
    mutating func closeDelegated() {
        sessions.removeAll { $0.binding?.delegation != nil }
    }

    mutating func closeAll() {
        sessions.removeAll()
    }
}
