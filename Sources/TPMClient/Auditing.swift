import TPMCrypto
import TPMWire

/// What a TPM says about the commands that it audited (Part 1, 19).
public struct AuditStatus: Sendable, Equatable {
    /// The number of the audit session.
    public let counter: CounterValue
    /// The digest of the session's events; zero before the first.
    public let digest: Digest
    /// The commands that are audited.
    public let ordinals: [Ordinal]
}

extension TPMClient {
    /// The audit digest and which commands are audited (Part 3, 8.3).
    public func auditStatus() throws -> AuditStatus {
        var ordinals: [Ordinal] = []
        while true {
            let start = ordinals.last.map { $0.rawValue &+ 1 } ?? 0
            let answer = try execute(GetAuditDigest.self, .init(startOrdinal: start))
            guard answer.ordList.count % 4 == 0 else { throw ClientError.badResponse(.getAuditDigest) }
            let numbers = stride(from: 0, to: answer.ordList.count, by: 4).map { offset in
                answer.ordList[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) }
            }
            // Each list has to go on where the last one ended.
            guard numbers.allSatisfy({ $0 >= start }), !(answer.more && numbers.isEmpty) else {
                throw ClientError.badResponse(.getAuditDigest)
            }
            ordinals += numbers.map { Ordinal(rawValue: $0) }
            guard answer.more else {
                return AuditStatus(counter: answer.counterValue, digest: answer.auditDigest, ordinals: ordinals)
            }
        }
    }

    /// The audit digest, signed; an identity key also ends the audit session on request (Part 3, 8.4).
    ///
    /// - Parameter nonce: what the verifier chose, so that the statement is known to be fresh.
    public func signedAuditDigest(
        nonce: Digest, closing: Bool = false, with key: KeyHandle, auth: Secret? = .wellKnown
    ) throws -> GetAuditDigestSigned.Response {
        let request = GetAuditDigestSigned.Request(keyHandle: key, closeAudit: closing, antiReplay: nonce)
        return try execute(GetAuditDigestSigned.self, request, authorizedBy: auth)
    }

    /// Sets whether the use of a command is audited (Part 3, 8.5).
    public func setAudited(_ ordinal: Ordinal, _ isAudited: Bool, owner: Secret) throws {
        let request = SetOrdinalAuditStatus.Request(ordinalToAudit: ordinal.rawValue, auditState: isAudited)
        try execute(SetOrdinalAuditStatus.self, request, authorizedBy: owner)
    }
}

extension GetAuditDigestSigned.Response {
    /// Whether the key signed exactly this for this nonce.
    public func isSigned(by key: RSAPublicKey, nonce: Digest) -> Bool {
        guard let counter = try? counterValue.encoded(),
            let info = try? SignInfo(
                fixed: Array("ADIG".utf8), replay: nonce, data: auditDigest.bytes + counter + ordinalDigest.bytes
            ).encoded()
        else { return false }
        return key.verify(SHA1.hash(info), signature: sig)
    }
}
