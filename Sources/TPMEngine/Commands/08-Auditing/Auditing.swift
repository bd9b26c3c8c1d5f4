import TPMCrypto
import TPMWire

extension GetAuditDigest: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. to 5. The ordinals of the specification always fit an answer.
        Response(
            counterValue: execution.state.permanent.auditCounterValue, auditDigest: execution.state.any.auditDigest,
            more: false, ordList: execution.auditedOrdinals(from: request.startOrdinal))
    }
}

extension GetAuditDigestSigned: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1.
        let key = try execution.useKey(request.keyHandle, at: execution.authorization.last)
        // 2. and 3.
        guard [.signing, .identity, .legacy].contains(key.key.keyUsage) else { throw .invalidKeyUsage }
        let scheme = key.key.algorithmParms.sigScheme
        guard scheme == .rsassaPKCS1v15SHA1 || scheme == .rsassaPKCS1v15INFO else { throw .invalidKeyUsage }
        // 4.
        let counter = execution.state.permanent.auditCounterValue
        let digest = execution.state.any.auditDigest
        let ordinals = SHA1.hash(execution.auditedOrdinals())
        let info = SignInfo(
            fixed: Array("ADIG".utf8), replay: request.antiReplay,
            data: digest.bytes + (try counter.encoded()) + ordinals.bytes)
        let signature = try key.sign(SHA1.hash(try info.encoded()))
        // 5. The owner, who made the identity key, wants it.
        if request.closeAudit {
            guard key.key.keyUsage == .identity else { throw .invalidKeyUsage }
            execution.state.any.auditDigest = .zero
        }
        return Response(counterValue: counter, auditDigest: digest, ordinalDigest: ordinals, sig: signature)
    }
}

extension SetOrdinalAuditStatus: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1.
        try execution.authorizeOwner()
        // 2.
        let ordinal = Ordinal(rawValue: request.ordinalToAudit)
        guard Registry.actions(for: ordinal) != nil, let row = OrdinalTable.row(for: ordinal) else { throw .badIndex }
        // 3. What is never audited (Part 2, 17) stays so.
        if row.audit == .never {
            guard !request.auditState else { throw .badParameter }
        } else {
            execution.state.permanent.setAudited(ordinal, request.auditState)
        }
        return Response()
    }
}

extension Execution {
    /// The audited ordinals of this TPM from `start` on, ascending, 4 bytes each (Part 3, 8.3 action 3).
    fileprivate func auditedOrdinals(from start: UInt32 = 0) -> [UInt8] {
        let audited = OrdinalTable.rows.map(\.ordinal).filter {
            $0.rawValue >= start && state.permanent.isAudited($0) && Registry.actions(for: $0) != nil
        }
        return audited.map(\.rawValue).sorted().flatMap(uint32)
    }
}
