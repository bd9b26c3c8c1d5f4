import TPMCrypto
import TPMWire

/// One command on its way: a copy of the state to work on, which replaces the TPM's when the command succeeds.
struct Execution {
    var state: TPMState
    let environment: Environment
    let row: OrdinalRow
    /// The one bit of the locality that the command arrived at (TPM_STANY_FLAGS -> localityModifier).
    let locality: LocalitySelection

    /// True when TPM_Extend and its like must not report values (Part 3, 16.1 action 8).
    var hidesPCRs: Bool { state.permanent.disable || state.clear.deactivated }

    /// The next bytes of the random source; a source that fails is TPM_FAIL.
    func randomBytes(_ count: Int) throws(TPMResult) -> [UInt8] {
        do { return try environment.random.bytes(count: count) } catch { throw .fail }
    }

    /// The next 20 bytes of the random source (Part 2, 5.5).
    func nonce() throws(TPMResult) -> Digest {
        do { return try environment.random.digest() } catch { throw .fail }
    }

    /// Four random bytes for a session handle (Part 2, 4.4 action 1.a.i).
    func randomHandle() throws(TPMResult) -> UInt32 {
        do { return try environment.random.uint32() } catch { throw .fail }
    }
}

/// A command's actions, in the order in which Part 3 lists them.
protocol CommandActions: Command {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response
}

extension CommandActions {
    /// Decodes the operands, takes the actions and encodes the answer's operands.
    static func run(_ operands: ArraySlice<UInt8>, _ execution: inout Execution) throws(TPMResult) -> [UInt8] {
        var decoder = WireDecoder(operands)
        var request = Request()
        try request.handles(&decoder)
        try request.code(&decoder)
        try decoder.finish()
        var response = try actions(request, in: &execution)
        var encoder = WireEncoder()
        try response.handles(&encoder)
        try response.code(&encoder)
        return encoder.bytes
    }
}
