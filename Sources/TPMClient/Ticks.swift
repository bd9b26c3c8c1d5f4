import TPMCrypto
import TPMWire

extension TPMClient {
    /// The TPM's time: ticks of so many microseconds since a session that its nonce names (Part 3, 23.1).
    public func ticks() throws -> CurrentTicks { try execute(GetTicks.self, .init()).currentTime }

    /// A signed statement that the TPM saw a digest at a tick (Part 3, 23.2).
    public func stamp(
        _ digest: Digest, nonce: Digest, with key: KeyHandle, auth: Secret? = .wellKnown
    ) throws -> TickStampBlob.Response {
        let request = TickStampBlob.Request(keyHandle: key, antiReplay: nonce, digestToStamp: digest)
        return try execute(TickStampBlob.self, request, authorizedBy: auth)
    }
}

extension TickStampBlob.Response {
    /// Whether the key stamped exactly this digest for this nonce at ``currentTicks``.
    public func isSigned(by key: RSAPublicKey, digest: Digest, nonce: Digest) -> Bool {
        guard let ticks = try? currentTicks.encoded(),
            let info = try? SignInfo(fixed: Array("TSTP".utf8), replay: nonce, data: digest.bytes + ticks).encoded()
        else { return false }
        return key.verify(SHA1.hash(info), signature: sig)
    }
}
