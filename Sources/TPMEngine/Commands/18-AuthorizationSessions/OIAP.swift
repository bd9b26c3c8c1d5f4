import TPMCrypto
import TPMWire

extension OIAP: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 2. and 3. A handle, a nonce, and room for both.
        let nonce = try execution.nonce()
        let session = try execution.state.any.sessions.open(nonceEven: nonce, start: try execution.randomHandle())
        return Response(authHandle: session.handle, nonceEven: session.nonceEven)
    }
}
