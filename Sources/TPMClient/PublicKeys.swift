import TPMCrypto
import TPMWire

extension RSAPublicKey {
    /// From the form that a TPM gives.
    ///
    /// - Throws: an error for a key that is not RSA, or is no key.
    public convenience init(_ key: Pubkey) throws(CryptoError) {
        guard let exponent = key.algorithmParms.rsa?.publicExponent else { throw CryptoError(what: "RSA public key") }
        try self.init(modulus: key.pubKey.key, exponent: exponent)
    }

    /// Whether the signature is one of TPM_SS_RSASSAPKCS1v15_SHA1 over the digest (Part 1, 31.2).
    public func verify(_ digest: Digest, signature: [UInt8]) -> Bool {
        verifyPKCS1(digestInfo: DigestInfo.sha1(digest), signature: signature)
    }

    /// Encrypts for TPM_UnBind (Part 3, 10.3): a TPM_BOUND_DATA under OAEP. A key of 2048 bits takes 209 bytes.
    public func bind(_ data: Secret, random: some RandomSource = SystemRandom()) throws -> [UInt8] {
        let bound = BoundData(payload: .bind, payloadData: data)
        return try encryptOAEP(try bound.encodedSecret(), random: random)
    }
}
