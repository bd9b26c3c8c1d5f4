import TPMWire

/// The context commands of 1.1 write and read the blobs of TPM_SaveContext and TPM_LoadContext. A key context of 1.1
/// ends with the power-on session, so it is taken for one of a volatile key.
extension SaveKeyContext: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        var blob = ContextBlob()
        blob.resourceType = .key
        blob.handle = request.keyHandle.rawValue
        let saved = try execution.saveKey(blob)
        execution.evict(request.keyHandle)
        return Response(keyContextBlob: try saved.encoded())
    }
}

extension LoadKeyContext: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        let blob = try WireDecoder.decode(ContextBlob.self, from: request.keyContextBlob, short: .badContext)
        guard blob.resourceType == .key else { throw .badContext }
        let handle = try execution.loadKey(blob, keepHandle: false, isThisPowerOnOnly: true)
        return Response(keyHandle: KeyHandle(rawValue: handle))
    }
}

extension SaveAuthContext: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        var blob = ContextBlob()
        blob.resourceType = .auth
        blob.handle = request.authHandle
        guard execution.state.any.sessions[request.authHandle] != nil else { throw .invalidAuthHandle }
        return Response(authContextBlob: try execution.saveSession(blob).encoded())
    }
}

extension LoadAuthContext: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        let blob = try WireDecoder.decode(ContextBlob.self, from: request.authContextBlob, short: .badContext)
        guard blob.resourceType == .auth else { throw .badContext }
        return Response(authHandle: try execution.loadSession(blob, keepHandle: false, entityHandle: nil))
    }
}
