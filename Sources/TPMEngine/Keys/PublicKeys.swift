import TPMCrypto
import TPMWire

extension Pubkey {
    /// An RSA key that somebody outside the TPM has, ready for use: 512 to 4096 bits, two primes.
    ///
    /// TPM_BAD_KEY_PROPERTY when it is none.
    func rsaKey() throws(TPMResult) -> RSAPublicKey {
        guard algorithmParms.algorithmID == .rsa, let rsa = algorithmParms.rsa, rsa.numPrimes == 2,
            UInt64(rsa.keyLength) == UInt64(pubKey.key.count) * 8, let exponent = rsa.publicExponent
        else { throw .badKeyProperty }
        do { return try RSAPublicKey(modulus: pubKey.key, exponent: exponent) } catch { throw .badKeyProperty }
    }

    /// The same with the strength that what leaves the TPM for good needs: at least 2048 bits and the default exponent
    /// (Part 3, 11.3 action 1 and 12.4). TPM_BAD_KEY_PROPERTY.
    func strongRSAKey() throws(TPMResult) -> RSAPublicKey {
        let key = try rsaKey()
        guard key.modulusSize >= 256, key.exponent == 65537 else { throw .badKeyProperty }
        return key
    }

    /// Encrypts for the key with the scheme that it names.
    ///
    /// TPM_INAPPROPRIATE_ENC for a key that does not encrypt, and what ``rsaKey()`` and
    /// ``TPMCrypto/RSAPublicKey/encrypt(_:random:)`` throw.
    func encrypt(_ plain: Secret, random: any RandomSource) throws(TPMResult) -> [UInt8] {
        let key = try rsaKey()
        switch algorithmParms.encScheme {
        case .rsaesOAEPSHA1MGF1:
            return try key.encrypt(plain, random: random)
        case .rsaesPKCSv15:
            do { return try key.encryptPKCS1(plain, random: random) } catch { throw .badDataSize }
        default:
            throw .inappropriateEnc
        }
    }

    /// The digest by which tickets and lists name a key.
    func digest() throws(TPMResult) -> Digest { SHA1.hash(try encoded()) }
}

extension RSAPublicKey {
    /// Encrypts for this key alone (OAEP); TPM_BAD_DATASIZE when it is too much for one block.
    func encrypt(_ plain: Secret, random: any RandomSource) throws(TPMResult) -> [UInt8] {
        guard plain.count <= modulusSize - 1 - OAEP.overhead else { throw .badDataSize }
        do { return try encryptOAEP(plain, random: random) } catch { throw .encryptError }
    }
}
