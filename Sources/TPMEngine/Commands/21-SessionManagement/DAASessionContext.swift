import TPMCrypto
import TPMWire

/// A DAA session without its handle as bytes: TPM_STANY_DATA's additions (Part 2, 22.7).
struct StoredDAASession: WireStructure {
    var issuerSettings = DAAIssuer()
    var tpmSpecific = DAATPM()
    var session = DAAContext()
    var joinSession = DAAJoinData()

    init() {}

    init(_ daa: DAASession) {
        issuerSettings = daa.issuerSettings
        tpmSpecific = daa.tpmSpecific
        session = daa.session
        joinSession = daa.joinSession
    }

    /// Gives a session that was just opened what was kept of this one.
    func restore(_ daa: inout DAASession) {
        daa.issuerSettings = issuerSettings
        daa.tpmSpecific = tpmSpecific
        daa.session = session
        daa.joinSession = joinSession
    }

    mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.structure("DAA_issuerSettings", &issuerSettings)
        try coder.structure("DAA_tpmSpecific", &tpmSpecific)
        try coder.structure("DAA_session", &session)
        try coder.structure("DAA_joinSession", &joinSession)
    }
}

extension Execution {
    /// Saves the DAA session that the blob's handle names, and ends it here (Part 3, 21.2).
    mutating func saveDAASession(_ blob: ContextBlob) throws(TPMResult) -> ContextBlob {
        // 2. and 4.b.
        guard let daa = state.any.daaSessions[blob.handle] else { throw .invalidResource }
        if state.any.contexts.nonce == .zero { state.any.contexts.nonce = try nonce() }
        var info = ContextInfo(form: ContextForm.context12.rawValue)
        info.entityDigest = try daaDigest(try blobSecrets())
        // 10.
        var blob = blob
        blob.contextCount = try state.any.contexts.add()
        state.any.daaSessions.close(blob.handle)
        // 6. to 8. and 11. to 14.
        return try seal(
            blob,
            ContextSensitive(
                contextNonce: state.any.contexts.nonce, internalData: try StoredDAASession(daa).encodedSecret()),
            info)
    }

    /// Brings a saved DAA session back, once (Part 3, 21.3). TPM_BADCONTEXT when daaProof changed since.
    mutating func loadDAASession(_ blob: ContextBlob, keepHandle: Bool) throws(TPMResult) -> UInt32 {
        // 3., 4. and 6. What is not authentic is not looked at.
        let (sensitive, info) = try open(blob, .context12)
        // 5.a.
        guard sensitive.contextNonce == state.any.contexts.nonce, let secrets = state.permanent.blobSecrets,
            info.entityDigest == (try daaDigest(secrets))
        else { throw .badContext }
        let stored = try WireDecoder.decode(StoredDAASession.self, from: sensitive.internalData, short: .badContext)
        // 7. and 8.
        if keepHandle, state.any.daaSessions[blob.handle] != nil { throw .badHandle }
        // 9. and 10.
        guard state.any.contexts.remove(blob.contextCount) else { throw .badContext }
        var daa = try state.any.daaSessions.open(start: blob.handle)
        stored.restore(&daa)
        state.any.daaSessions.update(daa)
        return daa.handle
    }

    /// What tells the DAA secrets, which every session stands on, from those that came after them.
    private func daaDigest(_ secrets: BlobSecrets) throws(TPMResult) -> Digest {
        HMAC.authenticate(key: secrets.tpmProof, try daaSecrets().daaProof)
    }
}
