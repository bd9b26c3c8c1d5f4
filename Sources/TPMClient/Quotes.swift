import TPMCrypto
import TPMWire

extension TPMClient {
    /// A signed statement of PCR values (Part 3, 16.3).
    ///
    /// - Parameter nonce: what the verifier chose, so that the statement is known to be fresh.
    public func quote(
        _ selection: PCRSelection, nonce: Digest, with key: KeyHandle, auth: Secret? = .wellKnown
    ) throws -> Quote.Response {
        let request = Quote.Request(keyHandle: key, externalData: nonce, targetPCR: selection)
        return try execute(Quote.self, request, authorizedBy: auth)
    }

    /// The same of 1.2, with the locality and on request the TPM's version (Part 3, 16.5).
    public func quote2(
        _ selection: PCRSelection, nonce: Digest, with key: KeyHandle, auth: Secret? = .wellKnown,
        addVersion: Bool = false
    ) throws -> Quote2.Response {
        let request = Quote2.Request(
            keyHandle: key, externalData: nonce, targetPCR: selection, addVersion: addVersion)
        return try execute(Quote2.self, request, authorizedBy: auth)
    }
}

extension Quote.Response {
    /// Whether the key signed exactly these values for this nonce (Part 2, 11.3).
    public func isSigned(by key: RSAPublicKey, nonce: Digest) -> Bool {
        guard let values = try? pcrData.digest(),
            let info = try? QuoteInfo(digestValue: values, externalData: nonce).encoded()
        else { return false }
        return key.verify(SHA1.hash(info), signature: sig)
    }
}

extension Quote2.Response {
    /// Whether the key signed exactly this for this nonce (Part 2, 11.4).
    ///
    /// The values themselves are not in the statement: hold ``PCRComposite/digest()`` of those that are expected
    /// against `pcrData.digestAtRelease`.
    public func isSigned(by key: RSAPublicKey, nonce: Digest) -> Bool {
        guard let info = try? QuoteInfo2(externalData: nonce, infoShort: pcrData).encoded() else { return false }
        return key.verify(SHA1.hash(info, versionInfo), signature: sig)
    }
}
