import TPMCrypto
import TPMWire

/// One command on its way: a copy of the state to work on, which replaces the TPM's when the command succeeds.
struct Execution {
    var state: TPMState
    let environment: Environment
    let row: OrdinalRow
    /// Where the command arrived.
    let arrival: Locality
    /// The transport session that the command came wrapped in; nil for one that came by itself.
    var wrapper: TransportPublic?
    var authorization = Authorization()
    /// The DAA session that the command goes on with, which an error ends (Part 3, 26.1 and 26.2 action 2).
    var daaHandle: UInt32?

    /// The one bit of the locality that the command arrived at, to hold against a TPM_LOCALITY_SELECTION.
    var locality: LocalitySelection { arrival.selection }
    /// TPM_STANY_FLAGS -> localityModifier: the locality as a number.
    var localityModifier: UInt32 { UInt32(arrival.rawValue) }

    /// True when TPM_Extend and its like must not report values (Part 3, 16.1 action 8).
    var hidesPCRs: Bool { state.permanent.flags.disable || state.clear.flags.deactivated }

    /// True when a human is there, by the command or the hardware, each if it is enabled (Part 2, 7.1 action 6).
    var physicalPresence: Bool {
        let flags = state.permanent.flags
        return flags.physicalPresenceCMDEnable && state.clear.flags.physicalPresence
            || flags.physicalPresenceHWEnable && environment.physicalPresence
    }

    /// TPM_BAD_PRESENCE when no human is there.
    func requirePhysicalPresence() throws(TPMResult) {
        guard physicalPresence else { throw .badPresence }
    }

    /// The next bytes of the random source; a source that fails is TPM_FAIL.
    func randomBytes(_ count: Int) throws(TPMResult) -> [UInt8] {
        do { return try environment.random.bytes(count: count) } catch { throw .fail }
    }

    /// The next bytes of the random source, for a secret.
    func randomSecret(_ count: Int = Digest.byteCount) throws(TPMResult) -> Secret {
        do { return try environment.random.secret(count: count) } catch { throw .fail }
    }

    /// The next 20 bytes of the random source (Part 2, 5.5).
    func nonce() throws(TPMResult) -> Digest {
        do { return try environment.random.digest() } catch { throw .fail }
    }

    /// Four random bytes for a session or key handle (Part 2, 4.4 action 1.a.i).
    func randomHandle() throws(TPMResult) -> UInt32 {
        do { return try environment.random.uint32() } catch { throw .fail }
    }

    /// The owner's secrets and the SRK, or TPM_NOSRK.
    func ownership() throws(TPMResult) -> Ownership {
        guard let ownership = state.permanent.ownership else { throw .noSRK }
        return ownership
    }

    /// tpmProof and contextKey, made now if no blob needed them before.
    mutating func blobSecrets() throws(TPMResult) -> BlobSecrets {
        if let secrets = state.permanent.blobSecrets { return secrets }
        let secrets = BlobSecrets(tpmProof: try randomSecret(), contextKey: try randomSecret(AES.blockSize))
        state.permanent.blobSecrets = secrets
        return secrets
    }
}

/// A command's actions, in the order in which Part 3 lists them.
protocol CommandActions: Command {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response
}

extension CommandActions {
    /// Decodes the operands and the authorization trailers, takes the actions and encodes the whole answer.
    static func run(
        _ command: [UInt8], tag: CommandTag, _ execution: inout Execution
    ) throws(TPMResult) -> [UInt8] {
        let end = command.count - tag.authCount * AuthRequest.byteCount
        guard end >= Header.byteCount else { throw .badParamSize }
        var decoder = WireDecoder(command[Header.byteCount..<end])
        var request = Request()
        var parameters = end
        do throws(TPMResult) {
            try request.handles(&decoder)
            parameters = end - decoder.remaining
            try request.code(&decoder)
            try decoder.finish()
        } catch {
            // Bad operands end the command's sessions, a bad size does not (Part 2, 16 description 3.a).
            if error != .badParamSize { try execution.authorization.begin(ordinal, trailers: command[end...]) }
            throw error
        }
        try execution.authorization.begin(ordinal, parameters: command[parameters..<end], trailers: command[end...])
        let isAudited = execution.isAudited
        var response = try actions(request, in: &execution)
        let answer = try execution.answer(&response, to: ordinal, tag: tag.response)
        // TPM_ExecuteTransport audits itself, around the command that it carries (Part 3, 24.2 actions 8 and 20).
        if isAudited, ordinal != .executeTransport {
            // Of TPM_SaveState the input only (Part 3, 8.1 description 3.a).
            let output = ordinal == .saveState ? nil : answer.bytes[answer.parameters]
            try execution.audit(input: command[parameters..<end], output: output)
        }
        return answer.bytes
    }
}
