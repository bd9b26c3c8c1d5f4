import COpenSSL

/// A public key of Ed25519 (RFC 8032): whose signatures are believed.
public final class Ed25519PublicKey: Sendable, Equatable {
    /// Size in bytes of a key.
    public static let byteCount = 32
    /// Size in bytes of a signature.
    public static let signatureSize = 64

    /// The key as it is defined, 32 bytes.
    public let raw: [UInt8]
    /// The DER of a SubjectPublicKeyInfo (RFC 8410, 4).
    public let subjectPublicKeyInfo: [UInt8]
    private let handle: KeyHandle

    /// Takes 32 bytes.
    public convenience init(raw: [UInt8]) throws(CryptoError) {
        guard raw.count == Self.byteCount,
            let key = EVP_PKEY_new_raw_public_key_ex(
                Library.shared.context, KeyKind.ed25519.rawValue, nil, raw, raw.count)
        else {
            ERR_clear_error()
            throw CryptoError(what: "an Ed25519 public key has 32 bytes")
        }
        try self.init(KeyHandle(key))
    }

    /// Takes a PEM of at most 64 KB, "BEGIN PUBLIC KEY".
    public convenience init(pem: [UInt8]) throws(CryptoError) {
        try self.init(try KeyHandle(publicPEM: pem, of: .ed25519))
    }

    init(_ handle: KeyHandle) throws(CryptoError) {
        var bytes = [UInt8](repeating: 0, count: Self.byteCount)
        var count = bytes.count
        guard EVP_PKEY_get_raw_public_key(handle.key, &bytes, &count) == 1, count == bytes.count else {
            ERR_clear_error()
            throw CryptoError(what: "EVP_PKEY_get_raw_public_key")
        }
        raw = bytes
        subjectPublicKeyInfo = try handle.subjectPublicKeyInfo()
        self.handle = handle
    }

    /// The key as text, "BEGIN PUBLIC KEY".
    public var pem: String { PEM.text(.publicKey, subjectPublicKeyInfo) }

    /// The SHA-256 of the DER, which is what people compare.
    public var fingerprint: [UInt8] { SHA256.hash(subjectPublicKeyInfo) }

    /// Whether the signature is one of this key over the message; false on any wrong size.
    public func verify(_ message: [UInt8], signature: [UInt8]) -> Bool {
        guard signature.count == Self.signatureSize, let context = EVP_MD_CTX_new() else { return false }
        defer { EVP_MD_CTX_free(context) }
        let valid =
            EVP_DigestVerifyInit_ex(context, nil, nil, Library.shared.context, nil, handle.key, nil) == 1
            && EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
        if !valid { ERR_clear_error() }
        return valid
    }

    public static func == (a: Ed25519PublicKey, b: Ed25519PublicKey) -> Bool { a.raw == b.raw }
}

/// A private key of Ed25519 (RFC 8032).
public final class Ed25519PrivateKey: Sendable {
    public let publicKey: Ed25519PublicKey
    private let handle: KeyHandle

    /// Takes a PKCS #8 PEM of at most 64 KB, "BEGIN PRIVATE KEY" or, with a passphrase, "BEGIN ENCRYPTED PRIVATE KEY".
    ///
    /// - Throws: ``CryptoError/noPrivateKey``, ``CryptoError/passphraseNeeded``, ``CryptoError/wrongPassphrase``, or why
    ///   it is no such key.
    public convenience init(pem: Secret, passphrase: Secret? = nil) throws(CryptoError) {
        try self.init(try KeyHandle(privatePEM: pem, passphrase: passphrase, of: .ed25519))
    }

    private init(_ handle: KeyHandle) throws(CryptoError) {
        publicKey = try Ed25519PublicKey(handle)
        self.handle = handle
    }

    /// A new key.
    public static func generate() throws(CryptoError) -> Ed25519PrivateKey {
        let seed = try SystemRandom().secret(count: Ed25519PublicKey.byteCount)
        let key = seed.withUnsafeBytes { bytes in
            EVP_PKEY_new_raw_private_key_ex(
                Library.shared.context, KeyKind.ed25519.rawValue, nil,
                bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
        }
        guard let key else {
            ERR_clear_error()
            throw CryptoError(what: "EVP_PKEY_new_raw_private_key")
        }
        return try Ed25519PrivateKey(KeyHandle(key))
    }

    /// The key as text, encrypted as ``RecoveryPrivateKey/encryptedPEM(passphrase:)`` says.
    public func encryptedPEM(passphrase: Secret) throws(CryptoError) -> String {
        try handle.encryptedPEM(passphrase: passphrase)
    }

    /// The signature over a message, 64 bytes.
    public func sign(_ message: [UInt8]) throws(CryptoError) -> [UInt8] {
        guard let context = EVP_MD_CTX_new() else { throw CryptoError(what: "EVP_MD_CTX_new") }
        defer { EVP_MD_CTX_free(context) }
        var signature = [UInt8](repeating: 0, count: Ed25519PublicKey.signatureSize)
        var count = signature.count
        guard EVP_DigestSignInit_ex(context, nil, nil, Library.shared.context, nil, handle.key, nil) == 1,
            EVP_DigestSign(context, &signature, &count, message, message.count) == 1, count == signature.count
        else {
            ERR_clear_error()
            throw CryptoError(what: "Ed25519 signature")
        }
        return signature
    }
}
