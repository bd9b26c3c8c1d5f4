import COpenSSL

/// The form in which a public key travels: DER of a SubjectPublicKeyInfo (RFC 5280, 4.1.2.7), which every other
/// program reads.
extension RSAPublicKey {
    /// Takes an RSA key of 512 to 4096 bits.
    ///
    /// - Throws: on DER that libcrypto does not read, bytes left over, a key that is not RSA, or numbers that
    ///   ``init(modulus:exponent:)`` refuses.
    public convenience init(subjectPublicKeyInfo der: [UInt8]) throws(CryptoError) {
        let handle = try KeyHandle(subjectPublicKeyInfo: der, of: .rsa)
        try self.init(modulus: try handle.modulus(), exponent: try handle.exponent())
    }

    /// The DER of the key.
    public func subjectPublicKeyInfo() throws(CryptoError) -> [UInt8] { try handle.subjectPublicKeyInfo() }
}

/// What a key is for.
enum KeyKind: String {
    case rsa = "RSA"
    case ed25519 = "ED25519"
}

extension KeyHandle {
    /// The largest DER that is looked at: a key of 4096 bits has 550 bytes.
    private static let maximumSize = 1024

    /// Takes a key of one kind, and nothing behind it.
    convenience init(subjectPublicKeyInfo der: [UInt8], of kind: KeyKind) throws(CryptoError) {
        guard der.count <= Self.maximumSize else { throw CryptoError(what: "public key size") }
        var used = 0
        let key: OpaquePointer? = der.withUnsafeBufferPointer { bytes in
            var position = bytes.baseAddress
            let key = d2i_PUBKEY_ex(nil, &position, bytes.count, Library.shared.context, nil)
            if let start = bytes.baseAddress, let position { used = position - start }
            return key
        }
        guard let key, used == der.count, EVP_PKEY_is_a(key, kind.rawValue) == 1 else {
            EVP_PKEY_free(key)
            ERR_clear_error()
            throw CryptoError(what: "\(kind.rawValue) public key")
        }
        self.init(key)
    }

    /// DER of a SubjectPublicKeyInfo.
    func subjectPublicKeyInfo() throws(CryptoError) -> [UInt8] {
        var pointer: UnsafeMutablePointer<UInt8>?
        let count = Int(i2d_PUBKEY(key, &pointer))
        defer { CRYPTO_free(pointer, nil, 0) }
        guard count > 0, let pointer else {
            ERR_clear_error()
            throw CryptoError(what: "i2d_PUBKEY")
        }
        return Array(UnsafeBufferPointer(start: pointer, count: count))
    }

    /// The modulus of an RSA key, big-endian without zeros in front.
    func modulus() throws(CryptoError) -> [UInt8] { try number("n").bytes }

    /// The exponent of an RSA key; throws on one above 32 bits.
    func exponent() throws(CryptoError) -> UInt32 {
        let exponent = try number("e").bytes
        guard exponent.count <= 4 else { throw CryptoError(what: "RSA exponent") }
        return exponent.reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// A number of the key by OpenSSL's name, big-endian without zeros in front.
    func number(_ name: StaticString) throws(CryptoError) -> Secret {
        var number: OpaquePointer?
        guard EVP_PKEY_get_bn_param(key, name.cString, &number) == 1, let number else {
            ERR_clear_error()
            throw CryptoError(what: "RSA key")
        }
        defer { BN_clear_free(number) }
        return Secret(count: Int((BN_num_bits(number) + 7) / 8)) { target in
            BN_bn2bin(number, target.baseAddress?.assumingMemoryBound(to: UInt8.self))
        }
    }
}
