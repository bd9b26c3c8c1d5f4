import COpenSSL

/// Text around DER (RFC 7468), as keys are kept in files.
package enum PEM {
    /// The largest text that is looked at, in bytes.
    package static let maximumSize = 65536

    /// What stands between the dashes.
    package enum Label: String {
        case publicKey = "PUBLIC KEY"
        case privateKey = "PRIVATE KEY"
        case encryptedPrivateKey = "ENCRYPTED PRIVATE KEY"
    }

    /// The DER of the first block with a label; nil when there is none. Other blocks and what stands between blocks are
    /// passed over.
    ///
    /// - Throws: when the text is larger than ``maximumSize``.
    package static func block(_ label: Label, in text: Secret) throws(CryptoError) -> Secret? {
        guard text.count <= maximumSize else { throw CryptoError(what: "a PEM of more than 64 KB") }
        defer { ERR_clear_error() }
        return text.withUnsafeBytes { bytes -> Secret? in
            guard let source = BIO_new_mem_buf(bytes.baseAddress, Int32(clamping: bytes.count)) else { return nil }
            defer { BIO_free(source) }
            var data: UnsafeMutablePointer<UInt8>?
            var count = 0
            // Without a callback libcrypto would ask on the terminal for the passphrase of a block with an encryption
            // of its own (RFC 1421), which no key in these forms has.
            let found = PEM_bytes_read_bio_secmem(&data, &count, nil, label.rawValue, source, { _, _, _, _ in -1 }, nil)
            guard found == 1, let data else { return nil }
            defer { CRYPTO_secure_clear_free(data, count, nil, 0) }
            return Secret(UnsafeRawBufferPointer(start: data, count: count))
        }
    }

    /// The text of one block.
    package static func text(_ label: Label, _ der: [UInt8]) -> String {
        guard let target = BIO_new(BIO_s_mem()) else { libraryFailure("BIO_new") }
        defer { BIO_free(target) }
        var start: UnsafeMutablePointer<UInt8>?
        guard PEM_write_bio(target, label.rawValue, "", der, der.count) > 0,
            case let count = BIO_ctrl(target, BIO_CTRL_INFO, 0, &start), count > 0, let start
        else { libraryFailure("PEM_write_bio") }
        return String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    }
}

extension KeyHandle {
    /// Takes the public key of a PEM.
    convenience init(publicPEM text: [UInt8], of kind: KeyKind) throws(CryptoError) {
        guard let der = try PEM.block(.publicKey, in: Secret(text)) else { throw .noPublicKey }
        try self.init(subjectPublicKeyInfo: der.bytes, of: kind)
    }
}

extension CryptoError {
    /// The text has no public key.
    public static let noPublicKey = CryptoError(what: "no block \"BEGIN PUBLIC KEY\" in the PEM")
    /// The text has no private key.
    public static let noPrivateKey = CryptoError(
        what: "no block \"BEGIN PRIVATE KEY\" or \"BEGIN ENCRYPTED PRIVATE KEY\" in the PEM")
    /// The private key is encrypted, and no passphrase was given.
    public static let passphraseNeeded = CryptoError(what: "the private key is encrypted: its passphrase is needed")
    /// The private key does not open with the passphrase.
    public static let wrongPassphrase = CryptoError(what: "the passphrase is not that of the private key")
}
