import TPMCrypto
import TPMWire

/// The contexts of transport sessions (Part 3, 21.2 and 21.3).
extension Execution {
    /// Saves the transport session that the blob's handle names, and ends it here.
    mutating func saveTransport(_ blob: ContextBlob) throws(TPMResult) -> ContextBlob {
        // 2. An exclusive session has to end with the command that would save it; inside of it that command is refused.
        guard let session = state.any.transports[blob.handle],
            !session.transPublic.transAttributes.contains(.exclusive)
        else { throw .invalidResource }
        // 4.b.
        if state.any.contexts.nonce == .zero { state.any.contexts.nonce = try nonce() }
        // 10.
        var blob = blob
        blob.contextCount = try state.any.contexts.add()
        state.any.transports.close(blob.handle)
        // 6. to 8. and 11. to 14.
        return try seal(
            blob,
            ContextSensitive(contextNonce: state.any.contexts.nonce, internalData: try session.encodedSecret()),
            ContextInfo(form: ContextForm.context12.rawValue))
    }

    /// Brings a saved transport session back, once.
    mutating func loadTransport(_ blob: ContextBlob, keepHandle: Bool) throws(TPMResult) -> UInt32 {
        // 3., 4. and 6. What is not authentic is not looked at.
        let (sensitive, _) = try open(blob, .context12)
        // 5.a.
        guard sensitive.contextNonce == state.any.contexts.nonce else { throw .badContext }
        let session = try WireDecoder.decode(TransportInternal.self, from: sensitive.internalData, short: .badContext)
        // 7. and 8.
        if keepHandle, state.any.transports[blob.handle] != nil { throw .badHandle }
        // 9. and 10.
        guard state.any.contexts.remove(blob.contextCount) else { throw .badContext }
        return try state.any.transports.open(session, start: blob.handle).transHandle
    }
}
