import TPMCrypto
import TPMWire

extension EstablishTransport: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        let transPublic = request.transPublic
        let secret: Secret
        if request.encHandle == .transport {
            // 1. The secret comes in the clear, so that it cannot hide anything.
            guard execution.authorization.requests.isEmpty else { throw .badTag }
            guard !transPublic.transAttributes.contains(.encrypt) else { throw .badScheme }
            guard request.secret.count == Digest.byteCount else { throw .badParamSize }
            secret = request.secret
        } else {
            // 2.
            let usage = try execution.key(request.encHandle).key.keyUsage
            guard usage == .storage || usage == .legacy else { throw .invalidKeyUsage }
            let key = try execution.useKey(request.encHandle, at: execution.authorization.last)
            secret = try key.decryptTransportAuth(request.secret)
        }
        // 3.
        if transPublic.transAttributes.contains(.encrypt), execution.state.permanent.flags.fips,
            transPublic.algId == AlgorithmID.mgf1.rawValue
        {
            throw .inappropriateEnc
        }
        try transPublic.checkEncryption()
        // 4. and 5.
        var session = TransportInternal(
            authData: secret, transPublic: transPublic, transHandle: 0, transNonceEven: try execution.nonce(),
            transDigest: .zero)
        session = try execution.state.any.transports.open(session, start: try execution.randomHandle())
        // 6. and 7.
        let response = Response(
            transHandle: session.transHandle, locality: execution.localityModifier,
            currentTicks: try execution.currentTicks(), transNonceEven: session.transNonceEven)
        // 8.
        if transPublic.transAttributes.contains(.log) {
            let input = try SHA1.hash(ordinal.rawValue, request.encodedSecret())
            let output = try SHA1.hash(UInt32(0), ordinal.rawValue, response.encoded())
            try session.log(TransportLogIn(parameters: input, pubKeyHash: .zero))
            try session.log(
                TransportLogOut(
                    currentTicks: response.currentTicks, parameters: output, locality: response.locality))
            execution.state.any.transports.update(session)
        }
        // 9. An exclusive session before this one ended when the command arrived. 10.
        return response
    }
}

extension TransportInternal {
    /// Extends the log of the session.
    mutating func log<Entry: WireStructure>(_ entry: Entry) throws(TPMResult) {
        transDigest = SHA1.hash(transDigest, try entry.encoded())
    }
}

extension LoadedKey {
    /// The secret of a transport session that was encrypted for this key (Part 3, 24.1 actions 2.d to 2.f).
    fileprivate func decryptTransportAuth(_ secret: Secret) throws(TPMResult) -> Secret {
        let isOAEP = key.algorithmParms.encScheme == .rsaesOAEPSHA1MGF1
        let plain = isOAEP ? try decrypt(secret.bytes) : try decryptPKCS1(secret.bytes)
        return try WireDecoder.decode(TransportAuth.self, from: plain).authData
    }
}
