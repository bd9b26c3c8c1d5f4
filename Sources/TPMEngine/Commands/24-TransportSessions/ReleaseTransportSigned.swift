import TPMCrypto
import TPMWire

extension ReleaseTransportSigned: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1.
        var (session, _) = try execution.transportSession()
        // 2. and 3.
        let parms = try execution.key(request.keyHandle).key
        let scheme = parms.algorithmParms.sigScheme
        guard scheme == .rsassaPKCS1v15SHA1 || scheme == .rsassaPKCS1v15INFO else { throw .inappropriateSig }
        guard parms.keyUsage == .signing else { throw .invalidKeyUsage }
        // 4. A key that needs no authorization leaves the transport session alone on the command.
        let position = execution.authorization.requests.count == 2 ? Authorization.Position.first : nil
        let key = try execution.useKey(request.keyHandle, at: position)
        // 5.
        try execution.authorizeTransport(session, failure: .auth2Fail)
        // 6. and 7.
        guard session.transPublic.transAttributes.contains(.log) else { throw .badMode }
        let ticks = try execution.currentTicks()
        let locality = execution.localityModifier
        try session.log(
            TransportLogOut(
                currentTicks: ticks, parameters: SHA1.hash(ordinal.rawValue, request.antiReplay), locality: locality))
        // 8.
        let info = SignInfo(fixed: Array("TRAN".utf8), replay: request.antiReplay, data: session.transDigest.bytes)
        let signature = try key.sign(SHA1.hash(try info.encoded()))
        // 9. and 10.
        execution.state.any.transports.close(session.transHandle)
        return Response(locality: locality, currentTicks: ticks, signature: signature)
    }
}
