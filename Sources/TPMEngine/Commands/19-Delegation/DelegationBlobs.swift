import TPMCrypto
import TPMWire

/// What TPM_DELEGATE_OWNER_BLOB and TPM_DELEGATE_KEY_BLOB have in common (Part 2, 20.12 and 20.13).
protocol DelegateBlob: WireStructure {
    var pub: DelegatePublic { get set }
    var integrityDigest: Digest { get set }
    /// The initialisation vector, 16 bytes.
    var additionalArea: [UInt8] { get set }
    /// A ``DelegateSensitive`` under delegateKey.
    var encrypted: [UInt8] { get set }
}

extension DelegateOwnerBlob: DelegateBlob {
    var encrypted: [UInt8] {
        get { sensitiveArea.bytes }
        set { sensitiveArea = Secret(newValue) }
    }
}

extension DelegateKeyBlob: DelegateBlob {
    var encrypted: [UInt8] {
        get { sensitiveArea }
        set { sensitiveArea = newValue }
    }
}

extension Execution {
    /// Fills in what hides the new secret and what shows that the blob is this TPM's (Part 3, 19.2 actions 8 to 12).
    mutating func sealed<Blob: DelegateBlob>(_ blob: Blob, authValue: Secret) throws(TPMResult) -> Blob {
        let plain = try DelegateSensitive(authValue: authValue).encodedSecret()
        var blob = blob
        blob.additionalArea = try randomBytes(AES.blockSize)
        blob.encrypted = try delegateCipher(plain, iv: blob.additionalArea).bytes
        return try authenticated(blob)
    }

    /// The blob with the digest that belongs to it.
    mutating func authenticated<Blob: DelegateBlob>(_ blob: Blob) throws(TPMResult) -> Blob {
        var blob = blob
        blob.integrityDigest = .zero
        blob.integrityDigest = HMAC.authenticate(key: try blobSecrets().tpmProof, try blob.encoded())
        return blob
    }

    /// TPM_AUTHFAIL unless this TPM made the blob and nobody changed it (Part 3, 18.3 action 1.g).
    mutating func checkIntegrity<Blob: DelegateBlob>(_ blob: Blob) throws(TPMResult) {
        guard constantTimeEqual(try authenticated(blob).integrityDigest, blob.integrityDigest) else {
            throw .authFail
        }
    }

    /// The secret of a blob whose integrity was checked; `code` when there is none in it (Part 3, 18.3 actions 1.h
    /// and 1.i).
    func authValue<Blob: DelegateBlob>(of blob: Blob, else code: TPMResult) throws(TPMResult) -> Secret {
        do throws(TPMResult) {
            let plain = try delegateCipher(Secret(blob.encrypted), iv: blob.additionalArea)
            return try WireDecoder.decode(DelegateSensitive.self, from: plain).authValue
        } catch {
            throw code
        }
    }

    /// Encrypts or decrypts with delegateKey; TPM_FAIL for an initialisation vector of another size.
    private func delegateCipher(_ data: Secret, iv: [UInt8]) throws(TPMResult) -> Secret {
        let key = try ownership().delegateKey
        do { return try AES.ctr(key: key, iv: iv, data: data) } catch { throw .fail }
    }
}

/// A blob whose tag says which of the two it is.
enum AnyDelegateBlob {
    case owner(DelegateOwnerBlob)
    case key(DelegateKeyBlob)

    /// TPM_BAD_PARAMETER for another tag (Part 3, 19.7 action 3), and what the structures throw.
    init(_ bytes: [UInt8]) throws(TPMResult) {
        switch WireDecoder(bytes).upcoming {
        case StructureTag.delegateOwnerBlob.rawValue: self = .owner(try WireDecoder.decode(from: bytes))
        case StructureTag.delgKeyBlob.rawValue: self = .key(try WireDecoder.decode(from: bytes))
        case nil: throw .badParamSize
        default: throw .badParameter
        }
    }
}
