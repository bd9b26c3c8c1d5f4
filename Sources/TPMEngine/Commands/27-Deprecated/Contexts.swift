import TPMWire

/// The context commands of 1.1 write and read the structure of TPM_SaveContext and TPM_LoadContext, marked as theirs:
/// these contexts end with the power-on session, or with TPM_Reset.
extension SaveKeyContext: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        var blob = ContextBlob()
        blob.resourceType = .key
        blob.handle = request.keyHandle.rawValue
        guard execution.state.keys[request.keyHandle] != nil else { throw .invalidKeyHandle }
        let saved = try execution.saveKey(blob, form: .context11)
        execution.evict(request.keyHandle)
        return Response(keyContextBlob: try saved.encoded())
    }
}

extension LoadKeyContext: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        let blob = try WireDecoder.decode(ContextBlob.self, from: request.keyContextBlob, short: .badContext)
        guard blob.resourceType == .key else { throw .badContext }
        let handle = try execution.loadKey(blob, keepHandle: false, form: .context11)
        return Response(keyHandle: KeyHandle(rawValue: handle))
    }
}

extension SaveAuthContext: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        var blob = ContextBlob()
        blob.resourceType = .auth
        blob.handle = request.authHandle
        guard execution.state.any.sessions[request.authHandle] != nil else { throw .invalidAuthHandle }
        return Response(authContextBlob: try execution.saveSession(blob, form: .context11).encoded())
    }
}

extension LoadAuthContext: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        let blob = try WireDecoder.decode(ContextBlob.self, from: request.authContextBlob, short: .badContext)
        guard blob.resourceType == .auth else { throw .badContext }
        let handle = try execution.loadSession(blob, keepHandle: false, entityHandle: nil, form: .context11)
        return Response(authHandle: handle)
    }
}
