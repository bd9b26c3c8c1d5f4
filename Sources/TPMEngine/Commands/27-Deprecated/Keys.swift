import TPMCrypto
import TPMWire

extension LoadKey: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        Response(inkeyHandle: try execution.load(request.inKey, under: request.parentHandle))
    }
}

extension EvictKey: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        guard let slot = execution.state.keys.slot(request.evictHandle) else { throw .invalidKeyHandle }
        guard !slot.isOwnerEvict else { throw .keyOwnerControl }
        execution.evict(request.evictHandle)
        return Response()
    }
}

extension OwnerReadPubek: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. and 2.
        try execution.authorizeOwner()
        guard let pubek = execution.state.permanent.endorsementKey?.key.pubkey else { throw .noEndorsement }
        return Response(pubEndorsementKey: pubek)
    }
}

extension DisablePubekRead: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        try execution.authorizeOwner()
        execution.state.permanent.flags.readPubek = false
        return Response()
    }
}
