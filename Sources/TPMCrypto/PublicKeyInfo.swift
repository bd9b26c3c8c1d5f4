import COpenSSL

/// The form in which a public key travels: DER of a SubjectPublicKeyInfo (RFC 5280, 4.1.2.7), which every other
/// program reads.
extension RSAPublicKey {
    /// Takes an RSA key of 512 to 4096 bits.
    ///
    /// - Throws: on DER that libcrypto does not read, bytes left over, a key that is not RSA, or numbers that
    ///   ``init(modulus:exponent:)`` refuses.
    public convenience init(subjectPublicKeyInfo der: [UInt8]) throws(CryptoError) {
        let (modulus, exponent) = try RSAHandle.numbers(subjectPublicKeyInfo: der)
        try self.init(modulus: modulus, exponent: exponent)
    }

    /// The DER of the key.
    public func subjectPublicKeyInfo() throws(CryptoError) -> [UInt8] { try handle.subjectPublicKeyInfo() }
}

extension RSAHandle {
    /// The largest DER that is looked at: a key of 4096 bits has 550 bytes.
    private static let maximumSize = 1024

    /// The modulus, big-endian without zeros in front, and the exponent of an RSA key.
    static func numbers(subjectPublicKeyInfo der: [UInt8]) throws(CryptoError) -> ([UInt8], UInt32) {
        guard der.count <= maximumSize else { throw CryptoError(what: "public key size") }
        var used = 0
        let key: OpaquePointer? = der.withUnsafeBufferPointer { bytes in
            var position = bytes.baseAddress
            let key = d2i_PUBKEY_ex(nil, &position, bytes.count, Library.shared.context, nil)
            if let start = bytes.baseAddress, let position { used = position - start }
            return key
        }
        defer { EVP_PKEY_free(key) }
        guard let key, used == der.count, EVP_PKEY_is_a(key, "RSA") == 1 else {
            ERR_clear_error()
            throw CryptoError(what: "RSA public key")
        }
        let exponent = try number(of: key, "e")
        guard exponent.count <= 4 else { throw CryptoError(what: "RSA exponent") }
        return (try number(of: key, "n"), exponent.reduce(0) { $0 << 8 | UInt32($1) })
    }

    private static func number(of key: OpaquePointer, _ name: StaticString) throws(CryptoError) -> [UInt8] {
        var number: OpaquePointer?
        guard EVP_PKEY_get_bn_param(key, name.cString, &number) == 1, let number else {
            ERR_clear_error()
            throw CryptoError(what: "RSA public key")
        }
        defer { BN_free(number) }
        var bytes = [UInt8](repeating: 0, count: Int((BN_num_bits(number) + 7) / 8))
        guard Int(BN_bn2bin(number, &bytes)) == bytes.count else { throw CryptoError(what: "RSA public key") }
        return bytes
    }
}
