import TPMCrypto
import TPMWire

extension ExecuteTransport: CommandActions {
    /// The commands that a transport session does not carry (action 9).
    private static let unwrapped: Set<Ordinal> = [.establishTransport, .executeTransport, .releaseTransportSigned]

    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        let isAudited = execution.isAudited
        // 1.
        var (session, trailer) = try execution.transportSession()
        let hasLog = session.transPublic.transAttributes.contains(.log)
        // 2. and 3.
        var command = request.wrappedCmd.bytes
        defer { wipe(&command) }
        guard let message = WrappedMessage(command: command), Registry.actions(for: message.ordinal) != nil else {
            throw .badParameter
        }
        // 4. and 5.
        try session.transPublic.mask(
            &command, message.data, .command, nonceEven: session.transNonceEven, nonceOdd: trailer.nonceOdd,
            secret: session.authData)
        // 6.
        let input = SHA1.hash(message.ordinal.rawValue, command[message.data])
        // 7.
        try execution.authorizeTransport(
            session, inParamDigest: SHA1.hash(ordinal.rawValue, UInt32(clamping: command.count), input),
            failure: .authFail)
        // 8.
        if isAudited { try execution.auditInput(input) }
        // 9.
        guard !unwrapped.contains(message.ordinal) else { throw .noWrapTransport }
        // 10.
        if hasLog {
            let keys = try execution.publicKeyHash(message.loggedKeys(of: command))
            try session.log(TransportLogIn(parameters: input, pubKeyHash: keys))
        }
        // 15.a. Ahead of the wrapped command: should that save the session, its nonce must not be the one just used.
        session.transNonceEven = try execution.nonce()
        execution.state.any.transports.update(session)
        // 11.
        var (answer, result) = execution.execute(wrapped: command, in: session.transPublic)
        defer { wipe(&answer) }
        // 12.
        let ticks = try execution.currentTicks()
        // 13. and 14.
        guard let data = WrappedMessage(response: answer, to: message.ordinal)?.data else { throw .fail }
        let output = SHA1.hash(result.rawValue, message.ordinal.rawValue, answer[data])
        // 15.b. and c.
        let locality = execution.localityModifier
        execution.authorization.transportAnswer = .init(
            nonceEven: session.transNonceEven,
            outParamDigest: SHA1.hash(
                UInt32(0), ordinal.rawValue, ticks.currentTicks, locality, UInt32(clamping: answer.count), output))
        // 16. The wrapped command may have ended the session.
        if hasLog {
            try session.log(TransportLogOut(currentTicks: ticks, parameters: output, locality: locality))
            execution.state.any.transports.update(session)
        }
        // 17. and 18.
        try session.transPublic.mask(
            &answer, data, .answer, nonceEven: session.transNonceEven, nonceOdd: trailer.nonceOdd,
            secret: session.authData)
        // 20. 19. is done with the trailer.
        if isAudited { try execution.auditOutput(output) }
        // 21.
        return Response(currentTicks: ticks.currentTicks, locality: locality, wrappedRsp: Secret(answer))
    }
}

extension Execution {
    /// Executes a wrapped command as any other: on its own, with the same checks, at the same locality. What it leaves
    /// behind, also when it fails, stays, unless the transport fails after it (Part 3, 24.2 descriptions 2 to 4).
    fileprivate mutating func execute(
        wrapped command: [UInt8], in wrapper: TransportPublic
    ) -> (answer: [UInt8], result: TPMResult) {
        var tpm = TPM(state: state, environment: environment)
        let outcome = tpm.execute(command, locality: arrival, in: wrapper)
        state = tpm.state
        return (outcome.response, outcome.result)
    }

    /// What the log says of the keys that a command uses; TPM_INVALID_KEYHANDLE when one is not there (Part 3, 24.2
    /// actions 10.c to 10.e and 10.g).
    fileprivate func publicKeyHash(_ handles: [KeyHandle]) throws(TPMResult) -> Digest {
        guard !handles.isEmpty else { return .zero }
        var hashes: [UInt8] = []
        for handle in handles {
            let key =
                switch handle {
                case .srk: state.permanent.ownership?.srk
                case .ek: state.permanent.endorsementKey
                default: state.keys[handle]
                }
            guard let key else { throw .invalidKeyHandle }
            hashes += SHA1.hash(try key.key.pubKey.encoded()).bytes
        }
        return SHA1.hash(hashes)
    }
}
