/// An operator's RSA key of 2048 to 4096 bits, to which secrets are encrypted that shall outlive a machine: OAEP with
/// SHA-256, MGF1 of SHA-256, no label (RFC 8017, 7.1).
public struct RecoveryPublicKey: Sendable, Equatable {
    /// Sizes in bytes of the modulus.
    static let sizes = 256...512

    /// The DER of a SubjectPublicKeyInfo.
    public let subjectPublicKeyInfo: [UInt8]
    private let key: RSAPublicKey

    /// Takes a PEM of at most 64 KB, "BEGIN PUBLIC KEY".
    public init(pem: [UInt8]) throws(CryptoError) {
        let handle = try KeyHandle(publicPEM: pem, of: .rsa)
        try self.init(RSAPublicKey(modulus: try handle.modulus(), exponent: try handle.exponent()))
    }

    init(_ key: RSAPublicKey) throws(CryptoError) {
        guard Self.sizes.contains(key.modulusSize) else {
            throw CryptoError(what: "an RSA key for recovery has 2048 to 4096 bits")
        }
        subjectPublicKeyInfo = try key.subjectPublicKeyInfo()
        self.key = key
    }

    /// The key as text, "BEGIN PUBLIC KEY".
    public var pem: String { PEM.text(.publicKey, subjectPublicKeyInfo) }

    /// The SHA-256 of the DER, which is what people compare.
    public var fingerprint: [UInt8] { SHA256.hash(subjectPublicKeyInfo) }

    /// The longest secret, in bytes: 66 less than the modulus, so at least 190.
    public var maximumSecretSize: Int { key.modulusSize - 2 * SHA256.byteCount - 2 }

    /// Encrypts a secret of at most ``maximumSecretSize`` bytes; the result has the size of the modulus.
    public func encrypt(_ secret: Secret) throws(CryptoError) -> [UInt8] { try key.encryptOAEPWithSHA256(secret) }

    public static func == (a: RecoveryPublicKey, b: RecoveryPublicKey) -> Bool {
        a.subjectPublicKeyInfo == b.subjectPublicKeyInfo
    }
}

/// The private half of a ``RecoveryPublicKey``.
public struct RecoveryPrivateKey: Sendable {
    public let publicKey: RecoveryPublicKey
    private let key: RSAPrivateKey

    /// Takes a PKCS #8 PEM of at most 64 KB, "BEGIN PRIVATE KEY" or, with a passphrase, "BEGIN ENCRYPTED PRIVATE KEY".
    ///
    /// - Throws: ``CryptoError/noPrivateKey``, ``CryptoError/passphraseNeeded``, ``CryptoError/wrongPassphrase``, or why
    ///   it is no such key.
    public init(pem: Secret, passphrase: Secret? = nil) throws(CryptoError) {
        let handle = try KeyHandle(privatePEM: pem, passphrase: passphrase, of: .rsa)
        try self.init(
            RSAPrivateKey(
                modulus: try handle.modulus(), exponent: try handle.exponent(), prime: try handle.number("rsa-factor1"))
        )
    }

    private init(_ key: RSAPrivateKey) throws(CryptoError) {
        publicKey = try RecoveryPublicKey(key.publicKey)
        self.key = key
    }

    /// A new key of 2048, 3072 or 4096 bits; takes from a tenth of a second to several seconds.
    public static func generate(bits: Int = 3072) throws(CryptoError) -> RecoveryPrivateKey {
        guard RecoveryPublicKey.sizes.contains(bits / 8) else {
            throw CryptoError(what: "an RSA key for recovery has 2048 to 4096 bits")
        }
        return try RecoveryPrivateKey(
            RSAPrivateKey(primes: try RSAKeyGenerator.generate(bits: bits, random: SystemRandom())))
    }

    /// The key as a PKCS #8 PEM, encrypted with AES-256-CBC under PBKDF2 with HMAC-SHA-256 and 600,000 rounds, which
    /// `openssl pkey` reads. The passphrase is not empty.
    public func encryptedPEM(passphrase: Secret) throws(CryptoError) -> String {
        try key.handle.encryptedPEM(passphrase: passphrase)
    }

    /// What was encrypted to the public key; throws on anything else, in one time.
    public func decrypt(_ ciphertext: [UInt8]) throws(CryptoError) -> Secret {
        try key.decryptOAEPWithSHA256(ciphertext)
    }
}
