import TPMCrypto
import TPMWire

/// One command on its way: a copy of the state to work on, which replaces the TPM's when the command succeeds.
struct Execution {
    var state: TPMState
    let environment: Environment
    let row: OrdinalRow
    /// The one bit of the locality that the command arrived at (TPM_STANY_FLAGS -> localityModifier).
    let locality: LocalitySelection
    var authorization = Authorization()

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
        var response = try actions(request, in: &execution)
        return try execution.answer(&response, to: ordinal, tag: tag.response)
    }
}
