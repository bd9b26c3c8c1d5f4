import TPMCrypto
import TPMWire

/// The caller's end of an authorization session: rolls the nonces and computes both HMACs (Part 1, 13).
public final class Session {
    public let handle: UInt32
    /// The TPM's last nonce.
    public internal(set) var nonceEven: Digest
    /// The nonce for the next command, chosen ahead so that a second secret can be hidden with it (Part 1, 13.4).
    public internal(set) var nonceOdd: Digest
    /// Whether to ask the TPM to keep the session after the next command.
    public var continues: Bool
    /// False once the TPM ended the session.
    public internal(set) var isOpen = true

    let key: Secret
    let scheme: ADIPScheme?

    init(handle: UInt32, nonceEven: Digest, nonceOdd: Digest, key: Secret, scheme: ADIPScheme?, continues: Bool) {
        self.handle = handle
        self.nonceEven = nonceEven
        self.nonceOdd = nonceOdd
        self.key = key
        self.scheme = scheme
        self.continues = continues
    }

    /// The session as it is now, for a copy of the TPM or to go on with twice.
    public func copy() -> Session {
        let copy = Session(
            handle: handle, nonceEven: nonceEven, nonceOdd: nonceOdd, key: key, scheme: scheme, continues: continues)
        copy.isOpen = isOpen
        return copy
    }

    /// New authorization data, encrypted for the next command (Part 1, 13.4).
    ///
    /// - Throws: ``ClientError/cannotHide`` for an OIAP session, rather than giving the data away.
    public func hide(_ secret: Secret) throws(ClientError) -> Secret { try mask(secret, with: nonceEven) }

    /// The command's second encrypted value.
    public func hideSecond(_ secret: Secret) throws(ClientError) -> Secret { try mask(secret, with: nonceOdd) }

    /// Data of any length, as TPM_Sealx takes it and TPM_Unseal returns it; the same call encrypts and decrypts
    /// (Part 3, 10.7). The nonces are those of the command that carries the data: take ``nonceEven`` and ``nonceOdd``
    /// before it is sent.
    ///
    /// - Throws: ``ClientError/cannotHide`` for an OIAP session.
    public func mask(data: Secret, nonceEven: Digest, nonceOdd: Digest) throws(ClientError) -> Secret {
        var bytes = data.bytes
        defer { wipe(&bytes) }
        do {
            switch scheme {
            case nil:
                throw CryptoError(what: "OIAP has no shared secret")
            case .xor:
                let seed = Secret(nonceEven.bytes + nonceOdd.bytes + Array("XOR".utf8) + key.bytes)
                try MGF1.xor(seed: seed, into: &bytes)
            case .aes128CTR:
                let counter = SHA1.hash(nonceEven, nonceOdd)
                bytes = try AES.ctr(key: aesKey, iv: Array(counter.bytes.prefix(AES.blockSize)), data: bytes)
            }
        } catch {
            throw .cannotHide
        }
        return Secret(bytes)
    }

    private var aesKey: Secret { Secret(Array(key.bytes.prefix(AES.blockSize))) }

    private func mask(_ secret: Secret, with nonce: Digest) throws(ClientError) -> Secret {
        switch scheme {
        case nil:
            throw .cannotHide
        case .xor:
            let pad = SHA1.hash(key, nonce)
            guard secret.count == Digest.byteCount else { throw .cannotHide }
            return Secret(zip(secret.bytes, pad.bytes).map { $0 ^ $1 })
        case .aes128CTR:
            let iv = Array(nonce.bytes.prefix(AES.blockSize))
            do { return Secret(try AES.ctr(key: aesKey, iv: iv, data: secret.bytes)) } catch { throw .cannotHide }
        }
    }

    /// The trailer of a request whose ordinal and parameters have this digest.
    func trailer(_ digest: Digest) -> AuthRequest {
        var trailer = AuthRequest()
        trailer.authHandle = handle
        trailer.nonceOdd = nonceOdd
        trailer.continueAuthSession = continues
        trailer.auth = HMAC.authenticate(key: key, digest, nonceEven, nonceOdd, UInt8(continues ? 1 : 0))
        return trailer
    }

    /// Whether an answer's trailer comes from the TPM: its HMAC covers what this session will believe, the next
    /// nonce and whether the session goes on (Part 1, 13.2.1).
    func isAuthentic(_ trailer: AuthResponse, digest: Digest) -> Bool {
        let expected = HMAC.authenticate(
            key: key, digest, trailer.nonceEven, nonceOdd, UInt8(trailer.continueAuthSession ? 1 : 0))
        return constantTimeEqual(expected, trailer.resAuth)
    }

    /// Takes over what an authentic trailer says, and the nonce for the command after.
    func roll(_ trailer: AuthResponse, nonceOdd next: Digest) {
        nonceEven = trailer.nonceEven
        nonceOdd = next
        isOpen = trailer.continueAuthSession
    }
}
