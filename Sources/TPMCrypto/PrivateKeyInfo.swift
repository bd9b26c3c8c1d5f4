import COpenSSL

/// The forms in which a private key is kept in a file: PKCS #8 (RFC 5208), encrypted or not, as PEM.
extension KeyHandle {
    /// Rounds of PBKDF2 for a key that is encrypted here.
    static let iterations: Int32 = 600_000

    /// Takes the private key of a PEM.
    ///
    /// - Parameter passphrase: for a key that is encrypted; unused for one that is not. Nobody is asked for another.
    /// - Throws: ``CryptoError/noPrivateKey``, ``CryptoError/passphraseNeeded``, ``CryptoError/wrongPassphrase``, or what
    ///   the key is not.
    convenience init(privatePEM text: Secret, passphrase: Secret?, of kind: KeyKind) throws(CryptoError) {
        let info: OpaquePointer
        if let encrypted = try PEM.block(.encryptedPrivateKey, in: text) {
            guard let passphrase else { throw .passphraseNeeded }
            info = try Self.decrypt(encrypted, passphrase)
        } else if let plain = try PEM.block(.privateKey, in: text) {
            guard let read = plain.read({ d2i_PKCS8_PRIV_KEY_INFO(nil, $0, $1) }) else {
                throw CryptoError(what: "the private key of the PEM is damaged")
            }
            info = read
        } else {
            throw .noPrivateKey
        }
        defer { PKCS8_PRIV_KEY_INFO_free(info) }
        let key = EVP_PKCS82PKEY_ex(info, Library.shared.context, nil)
        guard let key, EVP_PKEY_is_a(key, kind.rawValue) == 1 else {
            EVP_PKEY_free(key)
            ERR_clear_error()
            throw CryptoError(what: "the private key of the PEM is no key of \(kind.rawValue)")
        }
        self.init(key)
    }

    /// A PEM of the private key, encrypted with AES-256-CBC under PBKDF2 with HMAC-SHA-256 (RFC 8018, 6.2) and 16 bytes
    /// of salt.
    func encryptedPEM(passphrase: Secret) throws(CryptoError) -> String {
        guard passphrase.count > 0 else { throw CryptoError(what: "an empty passphrase") }
        guard let cipher = Library.shared.cbc.cipher(keyBytes: 32), let info = EVP_PKEY2PKCS8(key) else {
            ERR_clear_error()
            throw CryptoError(what: "EVP_PKEY2PKCS8")
        }
        defer { PKCS8_PRIV_KEY_INFO_free(info) }
        var salt = try SystemRandom().bytes(count: 16)
        let encrypted = passphrase.withCharacters { characters, count in
            PKCS8_encrypt_ex(
                NID_hmacWithSHA256, cipher, characters, count, &salt, Int32(clamping: salt.count), Self.iterations,
                info,
                Library.shared.context, nil)
        }
        defer { X509_SIG_free(encrypted) }
        var pointer: UnsafeMutablePointer<UInt8>?
        let count = Int(i2d_X509_SIG(encrypted, &pointer))
        defer { CRYPTO_free(pointer, nil, 0) }
        guard encrypted != nil, count > 0, let pointer else {
            ERR_clear_error()
            throw CryptoError(what: "PKCS8_encrypt")
        }
        return PEM.text(.encryptedPrivateKey, Array(UnsafeBufferPointer(start: pointer, count: count)))
    }

    private static func decrypt(_ der: Secret, _ passphrase: Secret) throws(CryptoError) -> OpaquePointer {
        defer { ERR_clear_error() }
        guard let encrypted = der.read({ d2i_X509_SIG(nil, $0, $1) }) else {
            throw CryptoError(what: "the encrypted private key of the PEM is damaged")
        }
        defer { X509_SIG_free(encrypted) }
        ERR_clear_error()
        let info = passphrase.withCharacters { characters, count in
            PKCS8_decrypt_ex(encrypted, characters, count, Library.shared.context, nil)
        }
        if let info { return info }
        throw failedPadding() ? .wrongPassphrase : CryptoError(what: "the private key is encrypted in an unknown way")
    }

    /// Whether the errors that wait are those of a key that did not open: of its padding or, once in 256 wrong keys, of
    /// what came out.
    private static func failedPadding() -> Bool {
        while case let code = ERR_get_error(), code != 0 {
            guard ERR_GET_LIB(code) == ERR_LIB_PKCS12 else { continue }
            let reason = ERR_GET_REASON(code)
            if reason == PKCS12_R_PKCS12_CIPHERFINAL_ERROR || reason == PKCS12_R_DECODE_ERROR { return true }
        }
        return false
    }
}

extension Secret {
    /// Has libcrypto read DER; nil when it cannot.
    fileprivate func read(
        _ decode: (UnsafeMutablePointer<UnsafePointer<UInt8>?>, Int) -> OpaquePointer?
    ) -> OpaquePointer? {
        withUnsafeBytes { bytes in
            var position = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            let result = decode(&position, bytes.count)
            if result == nil { ERR_clear_error() }
            return result
        }
    }

    /// The bytes as libcrypto takes a passphrase.
    fileprivate func withCharacters<R>(_ body: (UnsafePointer<CChar>?, Int32) -> R) -> R {
        withUnsafeBytes { body($0.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(clamping: $0.count)) }
    }
}
