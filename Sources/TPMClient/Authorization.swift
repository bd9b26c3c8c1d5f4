import TPMCrypto
import TPMWire

extension Secret {
    /// 20 zero bytes: the authorization data of what needs none, as the storage root key's usually is.
    public static var wellKnown: Secret { Secret(count: Digest.byteCount) }

    /// The authorization data of a passphrase: the SHA-1 of its UTF-8 bytes.
    public init(passphrase: Secret) { self.init(SHA1.hash(passphrase)) }
}

extension TPMClient {
    /// Opens an OIAP session that will prove knowledge of `secret` (Part 3, 18.1).
    public func oiap(_ secret: Secret, continues: Bool = false) throws -> Session {
        let opened = try execute(OIAP.self, .init())
        return Session(
            handle: opened.authHandle, nonceEven: opened.nonceEven, nonceOdd: try random.digest(), key: secret,
            scheme: nil, continues: continues)
    }

    /// Opens an OSAP session bound to an entity (Part 3, 18.2).
    public func osap(
        _ kind: EntityKind, _ value: UInt32 = 0, secret: Secret, scheme: ADIPScheme = .xor, continues: Bool = false
    ) throws -> Session {
        let nonceOddOSAP = try random.digest()
        let opened = try execute(
            OSAP.self,
            .init(entityType: EntityType(scheme: scheme, kind: kind), entityValue: value, nonceOddOSAP: nonceOddOSAP))
        let shared = HMAC.authenticate(key: secret, opened.nonceEvenOSAP, nonceOddOSAP)
        return Session(
            handle: opened.authHandle, nonceEven: opened.nonceEven, nonceOdd: try random.digest(),
            key: Secret(shared), scheme: scheme, continues: continues)
    }

    /// Ends a session that the TPM still holds.
    public func close(_ session: Session) throws {
        guard session.isOpen else { return }
        session.isOpen = false
        try execute(FlushSpecific.self, .init(handle: session.handle, resourceType: .auth))
    }

    /// Runs `body` with an OIAP session and ends it afterwards, whatever happened.
    public func withOIAP<Result>(
        _ secret: Secret, continues: Bool = false, _ body: (Session) throws -> Result
    ) throws -> Result {
        try ending(try oiap(secret, continues: continues), body)
    }

    /// Runs `body` with an OSAP session and ends it afterwards, whatever happened.
    public func withOSAP<Result>(
        _ kind: EntityKind, _ value: UInt32 = 0, secret: Secret, scheme: ADIPScheme = .xor, continues: Bool = false,
        _ body: (Session) throws -> Result
    ) throws -> Result {
        try ending(try osap(kind, value, secret: secret, scheme: scheme, continues: continues), body)
    }

    private func ending<Result>(_ session: Session, _ body: (Session) throws -> Result) throws -> Result {
        // A session that is gone, or a TPM that is, does not hide what went wrong before.
        defer { try? close(session) }
        return try body(session)
    }
}
