import TPMCrypto
import TPMWire

extension GetTicks: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. and 2.
        Response(currentTime: try execution.currentTicks())
    }
}

extension TickStampBlob: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1.
        let key = try execution.useKey(request.keyHandle, at: execution.authorization.last)
        // 2. and 3.
        guard [.signing, .identity, .legacy].contains(key.key.keyUsage) else { throw .invalidKeyUsage }
        let scheme = key.key.algorithmParms.sigScheme
        guard scheme == .rsassaPKCS1v15SHA1 || scheme == .rsassaPKCS1v15INFO else { throw .inappropriateSig }
        // 4. and 5.
        let ticks = try execution.currentTicks()
        // 6.
        let info = SignInfo(
            fixed: Array("TSTP".utf8), replay: request.antiReplay,
            data: request.digestToStamp.bytes + (try ticks.encoded()))
        // 7. and 8.
        return Response(currentTicks: ticks, sig: try key.sign(SHA1.hash(try info.encoded())))
    }
}
