import TPMCrypto
import TPMWire

/// One stage of a join or a sign: the session that it goes on with and what came in. What both commands do stands
/// here; the letters are those of the stages of Part 3, 26.1 and 26.2.
struct DAAStage {
    let number: UInt8
    let input0: [UInt8]
    let input1: [UInt8]
    var daa: DAASession
    let execution: Execution
    /// True when the session ends with this stage.
    var isOver = false

    // MARK: Checks

    /// a. TPM_DAA_STAGE unless it is this stage's turn.
    func checkStage() throws(TPMResult) {
        guard daa.session.stage == number else { throw .daaStage }
    }

    /// b. TPM_DAA_ISSUER_SETTINGS unless the settings are those that the TPM's values were made for.
    func checkIssuer() throws(TPMResult) {
        guard daa.tpmSpecific.digestIssuer == SHA1.hash(try daa.issuerSettings.encoded()) else {
            throw .daaIssuerSettings
        }
    }

    /// c. TPM_DAA_TPM_SETTINGS unless the session's other parts are those that it had before.
    func checkContext(_ digest: Digest) throws(TPMResult) {
        guard constantTimeEqual(daa.session.digestContext, digest) else { throw .daaTPMSettings }
    }

    /// inputData0 as a TPM_DAA_ISSUER with all fields present, which a q of zero is not.
    func issuerSettings() throws(TPMResult) -> DAAIssuer {
        guard let issuer = try? WireDecoder.decode(DAAIssuer.self, from: input0),
            issuer.genericQ.contains(where: { $0 != 0 })
        else { throw .daaInputData0 }
        return issuer
    }

    // MARK: Going on

    /// Makes the next stage this session's turn.
    mutating func advance(_ output: [UInt8] = []) -> [UInt8] {
        daa.session.stage += 1
        return output
    }

    mutating func clearScratch() { daa.session.scratch = Secret(count: DAASize.scratch) }

    /// Hands the scratchpad out: what it held was meant for the host.
    mutating func takeScratch() -> [UInt8] {
        let output = daa.session.scratch.bytes
        clearScratch()
        return output
    }

    /// The number's bytes; TPM_FAIL, or another code, if they are more than `count`.
    func bytes(
        _ number: SecretNumber, _ count: Int, else code: TPMResult = .fail
    ) throws(TPMResult) -> Secret {
        do { return try number.bytes(count: count) } catch { throw code }
    }
}

extension Execution {
    /// Opens a session at stage 0, otherwise goes on with the one that the handle names (Part 3, 26.1 and 26.2).
    ///
    /// TPM_RESOURCES when no more sessions can be opened, TPM_BAD_HANDLE for a handle of none.
    mutating func takeDAAStage(
        _ request: DAAJoin.Request, last: UInt8,
        by body: (inout DAAStage) throws(TPMResult) -> [UInt8]
    ) throws(TPMResult) -> DAAJoin.Response {
        // 2. From here on an error ends the session.
        if request.stage > 0 { daaHandle = request.handle }
        // 1.
        try authorizeOwner()
        let session: DAASession
        if request.stage == 0 {
            // 0.c. Sessions have a pool of their own.
            session = try state.any.daaSessions.open(start: try randomHandle())
        } else {
            guard let open = state.any.daaSessions[request.handle] else { throw .badHandle }
            session = open
        }
        guard request.stage <= last else { throw .daaStage }
        var stage = DAAStage(
            number: request.stage, input0: request.inputData0, input1: request.inputData1, daa: session,
            execution: self)
        let output = try body(&stage)
        if stage.isOver {
            state.any.daaSessions.close(session.handle)
        } else {
            state.any.daaSessions.update(stage.daa)
        }
        return DAAJoin.Response(outputData: output)
    }
}
