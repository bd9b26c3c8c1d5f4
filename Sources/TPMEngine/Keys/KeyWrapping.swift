import TPMCrypto
import TPMWire

/// Making, wrapping and unwrapping the keys of the storage hierarchy; what the commands that load and create keys
/// share (Part 3, 6.1, 10.4, 10.5).
extension LoadedKey {
    /// A new key as a template describes it; the template's pubKey and encData are replaced, the revisions of its
    /// version zero (Part 2, 5.1).
    ///
    /// TPM_BAD_KEY_PROPERTY when no such key can be made.
    static func generate(
        _ template: Key, payload: PayloadType = .asym, usageAuth: Secret, migrationAuth: Secret,
        from source: any KeyPairSource
    ) throws(TPMResult) -> LoadedKey {
        let (bits, exponent) = try template.algorithmParms.rsaSize()
        do throws(CryptoError) {
            let pair = try source.keyPair(bits: bits, exponent: exponent)
            var key = template
            key.rev = 0
            key.pubKey = StorePubkey(key: pair.modulus)
            key.encData = []
            return LoadedKey(
                key: key, payload: payload, usageAuth: usageAuth, migrationAuth: migrationAuth,
                privateKey: try RSAPrivateKey(primes: pair))
        } catch {
            throw .badKeyProperty
        }
    }

    /// The blob for the outside: the public part, and the private one encrypted by the parent (Part 2, 10.6).
    func wrapped(by parent: LoadedKey, random: any RandomSource) throws(TPMResult) -> Key {
        var blob = key
        blob.encData = try parent.encrypt(try sensitivePart().encodedSecret(), random: random)
        return blob
    }

    /// Opens a blob that this storage key wrapped (Part 3, 10.5 actions 5 to 8).
    ///
    /// TPM_DECRYPT_ERROR when the private part cannot be decrypted, TPM_INVALID_STRUCTURE when it is no
    /// TPM_STORE_ASYMKEY, what ``StoredKey/loaded()`` throws when the two parts make no key, and TPM_AUTHFAIL when the
    /// public part is not the one that the key was made with.
    func unwrap(_ blob: Key) throws(TPMResult) -> LoadedKey {
        let plain = try decrypt(blob.encData)
        let sensitive = try WireDecoder.decode(StoreAsymkey.self, from: plain, short: .invalidStructure)
        var stored = StoredKey()
        stored.key = blob
        stored.key.encData = []
        stored.sensitive = sensitive
        stored.parentPCRStatus = parentPCRStatus || isUsingPCRs
        let loaded = try stored.loaded()
        guard constantTimeEqual(sensitive.pubDataDigest, SHA1.hash(try blob.publicPart())) else { throw .authFail }
        return loaded
    }

    /// Encrypts for this key alone (OAEP); TPM_BAD_DATASIZE when it is too much for one block.
    func encrypt(_ plain: Secret, random: any RandomSource) throws(TPMResult) -> [UInt8] {
        try privateKey.publicKey.encrypt(plain, random: random)
    }

    /// Decrypts what was encrypted for this key (OAEP); TPM_DECRYPT_ERROR.
    func decrypt(_ cipher: [UInt8]) throws(TPMResult) -> Secret {
        do { return try privateKey.decryptOAEP(cipher) } catch { throw .decryptError }
    }

    /// Decrypts what was encrypted for this key with PKCS #1 v1.5 padding; TPM_DECRYPT_ERROR.
    func decryptPKCS1(_ cipher: [UInt8]) throws(TPMResult) -> Secret {
        do { return try privateKey.decryptPKCS1(cipher) } catch { throw .decryptError }
    }
}

extension KeyParms {
    /// The size in bits and the public exponent of an RSA key that this TPM makes and loads: 512, 1024 or 2048 bits,
    /// two primes, an odd exponent of at least 3 in at most 4 bytes. Else TPM_BAD_KEY_PROPERTY.
    func rsaSize() throws(TPMResult) -> (bits: Int, exponent: UInt32) {
        guard algorithmID == .rsa, let rsa, rsa.numPrimes == 2, [512, 1024, 2048].contains(rsa.keyLength),
            // Zeros in front of it would make keys that no answer has room for.
            rsa.exponent.count <= 4, let exponent = rsa.publicExponent, exponent >= 3, exponent % 2 == 1
        else { throw .badKeyProperty }
        return (Int(rsa.keyLength), exponent)
    }
}

extension Key {
    /// What every key has to be, whoever made it: a size that the TPM handles, and schemes that fit the usage (Part 2,
    /// 5.8.1; Part 3, 10.4 action 8 and 10.5 action 7).
    ///
    /// TPM_BAD_KEY_PROPERTY for all of it.
    func checkParameters() throws(TPMResult) {
        _ = try algorithmParms.rsaSize()
        guard keyUsage.allowedEncSchemes.contains(algorithmParms.encScheme),
            keyUsage.allowedSigSchemes.contains(algorithmParms.sigScheme)
        else { throw .badKeyProperty }
        switch keyUsage {
        case .storage, .migrate, .identity:
            guard algorithmParms.rsa?.keyLength == 2048, algorithmParms.rsa?.exponent.isEmpty == true else {
                throw .badKeyProperty
            }
        default:
            break
        }
    }

    /// What FIPS mode forbids (Part 3, 10.4 action 7): TPM_NOTFIPS.
    func checkFIPS(_ flags: PermanentFlags) throws(TPMResult) {
        guard flags.fips else { return }
        guard let bits = algorithmParms.rsa?.keyLength, bits >= 1024, authDataUsage != .never, keyUsage != .legacy
        else { throw .notFIPS }
    }

    /// Sets what the PCR info records of the making of the key (Part 3, 10.4 action 15).
    mutating func recordCreation(in execution: Execution) throws(TPMResult) {
        switch pcrInfo {
        case .none:
            break
        case .info(var info):
            info.digestAtCreation = try execution.state.clear.pcrs.compositeHash(info.pcrSelection)
            pcrInfo = .info(info)
        case .long(var long):
            long.digestAtCreation = try execution.state.clear.pcrs.compositeHash(long.creationPCRSelection)
            long.localityAtCreation = execution.locality
            pcrInfo = .long(long)
        }
    }
}
