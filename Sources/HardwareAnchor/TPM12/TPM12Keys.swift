import TPMClient
import TPMCrypto
import TPMWire

/// The keys of an anchor in a TPM 1.2, as blobs that the storage root key unwraps.
struct TPM12Keys: Sendable {
    /// The authorization of both, 20 bytes.
    let secret: Secret
    let quotingDER: [UInt8]
    let receivingKey: ReceivingKey
    private let quoting: Key
    private let receiving: Key

    /// - Throws: ``AnchorError/damaged(_:)`` when the material holds none.
    init(_ material: AnchorMaterial) throws(AnchorError) {
        let form = material.form
        do {
            let quoting = try WireDecoder.decode(Key.self, from: form.quoting.publicPart)
            let receiving = try WireDecoder.decode(Key.self, from: form.receiving.publicPart)
            try self.init(secret: form.secret, quoting: quoting, receiving: receiving)
        } catch {
            throw .damaged("The anchor's material holds no keys of a TPM 1.2: \(error).")
        }
        guard secret.count == Digest.byteCount, AnchorIdentity(ofQuotingKey: quotingDER) == form.identity else {
            throw .damaged("The anchor's material holds keys that do not fit together.")
        }
    }

    init(secret: Secret, quoting: Key, receiving: Key) throws(CryptoError) {
        self.secret = secret
        self.quoting = quoting
        self.receiving = receiving
        quotingDER = try RSAPublicKey(quoting.pubkey).subjectPublicKeyInfo()
        receivingKey = try ReceivingKey(.bound, RSAPublicKey(receiving.pubkey))
    }

    func withQuotingKey<T>(_ tpm: TPMClient, _ srkAuth: Secret, _ body: (KeyHandle) throws -> T) throws -> T {
        try with(quoting, tpm, srkAuth, body)
    }

    func withReceivingKey<T>(_ tpm: TPMClient, _ srkAuth: Secret, _ body: (KeyHandle) throws -> T) throws -> T {
        try with(receiving, tpm, srkAuth, body)
    }

    private func with<T>(
        _ key: Key, _ tpm: TPMClient, _ srkAuth: Secret, _ body: (KeyHandle) throws -> T
    ) throws -> T {
        let handle: KeyHandle
        do {
            handle = try usingStorageRootKey { try tpm.load(key, parentAuth: srkAuth) }
        } catch let error as ClientError where Self.isUnreadable(error.result) {
            throw AnchorError.otherHardware("The anchor's keys are not this TPM's: \(error)")
        }
        defer { try? tpm.flush(handle) }
        return try body(handle)
    }

    /// Whether the TPM could not make sense of what was encrypted.
    static func isUnreadable(_ result: TPMResult?) -> Bool {
        switch result {
        case .decryptError?, .badDataSize?, .badKeyProperty?, .invalidStructure?, .badParameter?, .badVersion?,
            .fail?, .size?, .badType?, .invalidKeyUsage?, .inappropriateEnc?, .badParamSize?, .notSealedBlob?:
            true
        default: false
        }
    }
}
