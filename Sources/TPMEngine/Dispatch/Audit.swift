import TPMCrypto
import TPMWire

/// The audit of commands (Part 1, 19; Part 3, 8.1): a digest of the session, and a counter of the sessions that
/// outlives power.
extension PermanentState {
    /// True when the use of the command is audited: as the owner said, else as Part 2, 17 has it.
    public func isAudited(_ ordinal: Ordinal) -> Bool {
        guard let row = OrdinalTable.row(for: ordinal), row.audit != .never else { return false }
        return ordinalAuditStatus[ordinal] ?? (row.audit == .default)
    }

    /// Sets what the owner wants audited; what Part 2, 17 has anyway is not kept.
    mutating func setAudited(_ ordinal: Ordinal, _ isAudited: Bool) {
        let byDefault = OrdinalTable.row(for: ordinal)?.audit == .default
        ordinalAuditStatus[ordinal] = isAudited == byDefault ? nil : isAudited
    }

    /// TPM_PERMANENT_DATA -> auditMonotonicCounter, 10 bytes.
    var auditCounterValue: CounterValue {
        CounterValue(label: [0, 0, 0, 0], counter: auditMonotonicCounter)
    }
}

extension Execution {
    /// True when this command is audited. Some commands change that, so it is read before their actions (Part 3, 8.1
    /// description 3.b).
    var isAudited: Bool { state.permanent.isAudited(row.ordinal) }

    /// Audits a command that succeeded, by its parameters under the HMAC rules (Part 3, 8.1 actions 2.a to 2.e).
    ///
    /// - Parameters:
    ///   - input: the request's parameters without handles.
    ///   - output: the response's; nil when they are not audited.
    mutating func audit(input: ArraySlice<UInt8>, output: ArraySlice<UInt8>?) throws(TPMResult) {
        let ordinal = row.ordinal.rawValue
        // Who encrypts a transport session hides the parameters from the auditor too (Part 1, 18.4.1).
        let isHidden = wrapper?.transAttributes.contains(.encrypt) ?? false
        try auditInput(isHidden ? SHA1.hash(ordinal) : SHA1.hash(ordinal, input))
        guard let output else { return }
        try auditOutput(isHidden ? SHA1.hash(UInt32(0), ordinal) : SHA1.hash(UInt32(0), ordinal, output))
    }

    /// Audits the parameters of a command by their digest.
    mutating func auditInput(_ parameters: Digest) throws(TPMResult) {
        openAuditSession()
        try extendAudit(AuditEventIn(inputParms: parameters, auditCount: state.permanent.auditCounterValue))
    }

    /// Audits the parameters of a response by their digest.
    mutating func auditOutput(_ parameters: Digest) throws(TPMResult) {
        openAuditSession()
        try extendAudit(AuditEventOut(outputParms: parameters, auditCount: state.permanent.auditCounterValue))
    }

    /// The first event of a session counts it. The counter may start again at 0 (Part 1, 19.1).
    private mutating func openAuditSession() {
        if state.any.auditDigest == .zero { state.permanent.auditMonotonicCounter &+= 1 }
    }

    /// TPM_AUDITFAIL_SUCCESSFUL when the event cannot be written, which shuts the TPM down (Part 3, 8.2).
    private mutating func extendAudit<Event: WireStructure>(_ event: Event) throws(TPMResult) {
        let bytes: [UInt8]
        do { bytes = try event.encoded() } catch { throw .auditFailSuccessful }
        state.any.auditDigest = SHA1.hash(state.any.auditDigest, bytes)
    }
}
