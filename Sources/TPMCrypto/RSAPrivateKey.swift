import COpenSSL

/// An RSA private key of 512 to 4096 bits; operations are blinded and use the Chinese remainder theorem.
public final class RSAPrivateKey: Sendable {
    public let publicKey: RSAPublicKey
    /// The prime that was given, in its size.
    public let prime: Secret
    let handle: KeyHandle

    /// Size in bytes of the modulus.
    public var modulusSize: Int { publicKey.modulusSize }

    /// Recovers the other prime by division. Throws on the errors of `RSAPublicKey.init`, if `prime` does not divide
    /// the modulus into two different numbers above 2, or if the exponent has no inverse.
    public init(modulus: [UInt8], exponent: UInt32, prime: Secret) throws(CryptoError) {
        try RSAPublicKey.check(modulus: modulus, exponent: exponent)
        let given = BigInteger(prime)
        let n = BigInteger(modulus)
        guard let other = n.exactQuotient(given), given.compare(2) > 0, other.compare(2) > 0,
            given.compare(other) != 0
        else { throw CryptoError(what: "RSA prime") }
        let (p, q) = given.compare(other) > 0 ? (given, other) : (other, given)
        let (p1, q1) = (p - 1, q - 1)
        // Modulo (p - 1)(q - 1) rather than the least common multiple, which takes longer to find.
        guard let d = BigInteger(UInt(exponent)).inverse(p1 * q1), let inverse = q.inverse(p) else {
            throw CryptoError(what: "RSA exponent")
        }
        func bytes(_ number: BigInteger) -> Secret { number.secret(count: (number.bitCount + 7) / 8) }
        handle = try KeyHandle(
            selection: vtpm_pkey_keypair,
            numbers: [
                ("n", bytes(n)),
                ("e", BigInteger(UInt(exponent)).secret(count: 4)),
                ("d", bytes(d)),
                ("rsa-factor1", bytes(p)),
                ("rsa-factor2", bytes(q)),
                ("rsa-exponent1", bytes(d.remainder(p1))),
                ("rsa-exponent2", bytes(d.remainder(q1))),
                ("rsa-coefficient1", bytes(inverse)),
            ])
        publicKey = RSAPublicKey(modulus: modulus, exponent: exponent, handle: handle)
        self.prime = prime
    }

    /// Takes a generated key; `prime` is its p.
    public convenience init(primes: RSAPrimes) throws(CryptoError) {
        try self.init(modulus: primes.modulus, exponent: primes.exponent, prime: primes.p)
    }

    /// EME-OAEP with SHA-1, MGF1 and the label "TCPA"; throws on a wrong size or bad padding.
    public func decryptOAEP(_ ciphertext: [UInt8]) throws(CryptoError) -> Secret {
        try decryptOAEP(ciphertext, label: RSAPublicKey.oaepLabel)
    }

    /// The label is not empty.
    func decryptOAEP(_ ciphertext: [UInt8], label: [UInt8]) throws(CryptoError) -> Secret {
        try decrypt(ciphertext) { context in
            guard EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1,
                EVP_PKEY_CTX_set_rsa_oaep_md(context, Library.shared.sha1) == 1,
                EVP_PKEY_CTX_set_rsa_mgf1_md(context, Library.shared.sha1) == 1,
                let copy = CRYPTO_memdup(label, label.count, nil, 0)
            else { return false }
            guard EVP_PKEY_CTX_set0_rsa_oaep_label(context, copy, Int32(clamping: label.count)) == 1 else {
                CRYPTO_free(copy, nil, 0)
                return false
            }
            return true
        }
    }

    /// EME-OAEP with SHA-256 and MGF1 of SHA-256, without a label; throws on a wrong size or bad padding.
    public func decryptOAEPWithSHA256(_ ciphertext: [UInt8]) throws(CryptoError) -> Secret {
        try decrypt(ciphertext, prepare: KeyHandle.chooseOAEPWithSHA256)
    }

    /// PKCS #1 v1.5 type 2; throws on a wrong size or bad padding. An OpenSSL with implicit rejection (3.2)
    /// gives random bytes on bad padding instead, which is asked to be off.
    public func decryptPKCS1(_ ciphertext: [UInt8]) throws(CryptoError) -> Secret {
        try decrypt(ciphertext) { context in
            let name: StaticString = "implicit-rejection"
            var off: UInt32 = 0
            return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1
                && withUnsafeMutablePointer(to: &off) { off in
                    let parameters = [
                        OSSL_PARAM_construct_uint(name.cString, off), OSSL_PARAM_construct_end(),
                    ]
                    // A library that does not know the parameter ignores or refuses it; both are fine.
                    _ = EVP_PKEY_CTX_set_params(context, parameters)
                    return true
                }
        }
    }

    /// PKCS #1 v1.5 type 1 over `block` as it is (a DigestInfo or raw data); gives modulusSize bytes.
    /// Throws if the block exceeds modulusSize - 11 bytes.
    public func signPKCS1(block: [UInt8]) throws(CryptoError) -> [UInt8] {
        guard block.count <= modulusSize - 11 else { throw CryptoError(what: "PKCS1 block size") }
        var result = [UInt8](repeating: 0, count: modulusSize)
        var size = result.count
        let done = handle.run { context in
            EVP_PKEY_sign_init(context) == 1
                && EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1
                && EVP_PKEY_sign(context, &result, &size, block, block.count) == 1
        }
        guard done, size == modulusSize else { throw CryptoError(what: "RSA signature") }
        return result
    }

    private func decrypt(
        _ ciphertext: [UInt8], prepare: (OpaquePointer) -> Bool
    ) throws(CryptoError) -> Secret {
        guard ciphertext.count == modulusSize else { throw CryptoError(what: "RSA ciphertext size") }
        var size = modulusSize
        var done = false
        let plain = Secret(count: modulusSize) { target in
            done = handle.run { context in
                EVP_PKEY_decrypt_init(context) == 1 && prepare(context)
                    && EVP_PKEY_decrypt(
                        context, target.baseAddress?.assumingMemoryBound(to: UInt8.self), &size, ciphertext,
                        ciphertext.count) == 1
            }
        }
        guard done, size <= plain.count else { throw CryptoError(what: "RSA decryption") }
        return plain.withUnsafeBytes { Secret(UnsafeRawBufferPointer(rebasing: $0.prefix(size))) }
    }
}
