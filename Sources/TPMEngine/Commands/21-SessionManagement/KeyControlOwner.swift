import TPMCrypto
import TPMWire

extension KeyControlOwner: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1. to 3.
        try execution.authorizeOwner()
        guard let slot = execution.state.keys.slot(request.keyHandle) else { throw .invalidKeyHandle }
        guard slot.key.key.pubkey == request.pubKey else { throw .badParameter }
        // 4.
        guard request.bitName == KeyControl.ownerEvict.rawValue else { throw .badMode }
        // 5.
        if request.bitValue {
            let others = execution.state.keys.ownerEvict.filter { $0 != request.keyHandle }.count
            guard KeySlots.capacity - others - 1 >= 2 else { throw .noSpace }
            guard !slot.key.parentPCRStatus, !slot.key.key.keyFlags.contains(.isVolatile) else { throw .badParameter }
        }
        execution.state.keys.setOwnerEvict(request.keyHandle, request.bitValue)
        return Response()
    }
}
