import TPMCrypto
import TPMWire

/// Whose contexts: one form is not loaded for the other.
enum ContextForm: UInt8 {
    /// TPM_SaveContext and TPM_LoadContext (Part 3, 21.2 and 21.3).
    case context12 = 0
    /// The context commands of 1.1 (Part 3, 27.2).
    case context11 = 1
}

extension AnyState {
    /// What is outstanding of a form, and the nonce of its session contexts.
    fileprivate subscript(form: ContextForm) -> ContextList {
        get { form == .context12 ? contexts : contexts11 }
        set {
            if form == .context12 { contexts = newValue } else { contexts11 = newValue }
        }
    }
}

/// What a context's additionalData holds, in the clear (Part 2, 18.1).
struct ContextInfo: WireStructure {
    /// A ``ContextForm``.
    var form: UInt8 = 0
    var iv = [UInt8](repeating: 0, count: AES.blockSize)
    /// Of the entity that an OSAP session is bound to, or of what a DAA session stands on; zero for other contexts.
    var entityDigest = Digest.zero

    mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.uint8("form", &form)
        try coder.fixed("iv", &iv, count: AES.blockSize)
        try coder.digest("entityDigest", &entityDigest)
    }
}

extension SaveContext: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        var blob = ContextBlob()
        blob.resourceType = request.resourceType
        blob.handle = request.handle
        blob.label = request.label
        switch request.resourceType {
        case .key:
            return Response(contextBlob: try execution.saveKey(blob, form: .context12))
        case .auth:
            return Response(contextBlob: try execution.saveSession(blob, form: .context12))
        case .trans:
            return Response(contextBlob: try execution.saveTransport(blob))
        case .daaTPM:
            return Response(contextBlob: try execution.saveDAASession(blob))
        default:
            // 2. and 3. There are no other resources.
            throw .invalidResource
        }
    }
}

extension LoadContext: CommandActions {
    static func actions(_ request: Request, in execution: inout Execution) throws(TPMResult) -> Response {
        // 1.
        guard let blob = request.contextBlob else { throw .badContext }
        switch blob.resourceType {
        case .key:
            return Response(
                handle: try execution.loadKey(blob, keepHandle: request.keepHandle, form: .context12))
        case .auth:
            return Response(
                handle: try execution.loadSession(
                    blob, keepHandle: request.keepHandle, entityHandle: request.entityHandle, form: .context12))
        case .trans:
            return Response(handle: try execution.loadTransport(blob, keepHandle: request.keepHandle))
        case .daaTPM:
            return Response(handle: try execution.loadDAASession(blob, keepHandle: request.keepHandle))
        default:
            throw .badContext
        }
    }
}

extension Execution {
    /// Saves the key that the blob's handle names; it stays loaded (Part 3, 21.2).
    mutating func saveKey(_ blob: ContextBlob, form: ContextForm) throws(TPMResult) -> ContextBlob {
        // 2. and 4.a.
        guard let slot = state.keys.slot(KeyHandle(rawValue: blob.handle)) else { throw .invalidResource }
        if keyNonce(form) == .zero {
            let nonce = try nonce()
            if form == .context12 { state.clear.contextNonceKey = nonce } else { state.any.contexts11.nonce = nonce }
        }
        guard !slot.isOwnerEvict else { throw .ownerControl }
        // 6. to 9. and 11. to 14.
        let stored = try StoredKey(slot.key).encodedSecret()
        return try seal(
            blob, ContextSensitive(contextNonce: keyNonce(form), internalData: stored),
            ContextInfo(form: form.rawValue))
    }

    /// The nonce of key contexts: one lasts until the next TPM_Startup(ST_CLEAR), the other as long as there is power.
    private func keyNonce(_ form: ContextForm) -> Digest {
        form == .context12 ? state.clear.contextNonceKey : state.any.contexts11.nonce
    }

    /// Saves the session that the blob's handle names, and ends it here (Part 3, 21.2).
    mutating func saveSession(_ blob: ContextBlob, form: ContextForm) throws(TPMResult) -> ContextBlob {
        // 2. and 4.b.
        guard let session = state.any.sessions[blob.handle] else { throw .invalidResource }
        if state.any[form].nonce == .zero { state.any[form].nonce = try nonce() }
        // 8.f.
        var info = ContextInfo(form: form.rawValue)
        if let entity = session.binding?.entity {
            info.entityDigest = try entityDigest(entity, try blobSecrets()) ?? .zero
        }
        // 10.
        var blob = blob
        blob.contextCount = try state.any[form].add(isDelegated: session.binding?.delegation != nil)
        state.any.sessions.close(blob.handle)
        // 6. to 8. and 11. to 14.
        return try seal(
            blob,
            ContextSensitive(
                contextNonce: state.any[form].nonce, internalData: try StoredSession(session).encodedSecret()),
            info)
    }

    /// Loads a saved key into a slot (Part 3, 21.3).
    mutating func loadKey(_ blob: ContextBlob, keepHandle: Bool, form: ContextForm) throws(TPMResult) -> UInt32 {
        // 3., 4. and 6. What is not authentic is not looked at.
        let (sensitive, _) = try open(blob, form)
        let stored = try WireDecoder.decode(StoredKey.self, from: sensitive.internalData, short: .badContext)
        // 5.b. A context of 1.1 has to be of this power-on session, whatever the key (Part 3, 27.2.2).
        if form == .context11 || stored.parentPCRStatus || stored.key.keyFlags.contains(.isVolatile),
            sensitive.contextNonce != keyNonce(form)
        {
            throw .badContext
        }
        // 7., 8. and 10.
        let key = try stored.loaded()
        if keepHandle, state.keys[KeyHandle(rawValue: blob.handle)] != nil { throw .badHandle }
        guard state.keys.freeCount > 0 else { throw .resources }
        return try state.keys.add(key, start: blob.handle).rawValue
    }

    /// Brings a saved session back, once (Part 3, 21.3).
    ///
    /// - Parameter entityHandle: the key that an OSAP session is bound to; nil for the handle that it had when the
    ///   session was saved.
    mutating func loadSession(
        _ blob: ContextBlob, keepHandle: Bool, entityHandle: UInt32?, form: ContextForm
    ) throws(TPMResult) -> UInt32 {
        // 3., 4. and 6. What is not authentic is not looked at.
        let (sensitive, info) = try open(blob, form)
        // 5.a.
        guard sensitive.contextNonce == state.any[form].nonce else { throw .badContext }
        let stored = try WireDecoder.decode(StoredSession.self, from: sensitive.internalData, short: .badContext)
        var binding = try stored.binding()
        if let bound = binding {
            binding?.entity = try entity(of: bound, digest: info.entityDigest, named: entityHandle)
        }
        // 7. and 8.
        if keepHandle, state.any.sessions[blob.handle] != nil { throw .badHandle }
        // 9. and 10.
        guard state.any[form].remove(blob.contextCount) else { throw .badContext }
        return try state.any.sessions.open(nonceEven: stored.nonceEven, start: blob.handle, binding: binding).handle
    }

    /// Authenticates and encrypts a context (Part 3, 21.2 actions 11 and 12).
    mutating func seal(
        _ blob: ContextBlob, _ sensitive: ContextSensitive, _ info: ContextInfo
    ) throws(TPMResult) -> ContextBlob {
        let secrets = try blobSecrets()
        let plain = try sensitive.encodedSecret()
        var info = info
        info.iv = try randomBytes(AES.blockSize)
        var blob = blob
        blob.integrityDigest = .zero
        blob.additionalData = try info.encoded()
        blob.integrityDigest = try integrity(blob, plain, secrets)
        do throws(CryptoError) {
            blob.sensitiveData = try AES.ctr(key: secrets.contextKey, iv: info.iv, data: plain.bytes)
        } catch {
            throw .fail
        }
        return blob
    }

    /// Decrypts and verifies a context: TPM_BADCONTEXT for any that this TPM did not write (Part 3, 21.3 action 6).
    func open(
        _ blob: ContextBlob, _ form: ContextForm
    ) throws(TPMResult) -> (ContextSensitive, ContextInfo) {
        guard let secrets = state.permanent.blobSecrets else { throw .badContext }
        let info = try WireDecoder.decode(ContextInfo.self, from: blob.additionalData, short: .badContext)
        let plain: Secret
        do throws(CryptoError) {
            plain = Secret(try AES.ctr(key: secrets.contextKey, iv: info.iv, data: blob.sensitiveData))
        } catch {
            throw .badContext
        }
        var unsigned = blob
        unsigned.integrityDigest = .zero
        guard constantTimeEqual(try integrity(unsigned, plain, secrets), blob.integrityDigest),
            info.form == form.rawValue
        else { throw .badContext }
        return (try WireDecoder.decode(ContextSensitive.self, from: plain, short: .badContext), info)
    }

    /// The HMAC of a context with its plaintext in place of the encrypted part.
    private func integrity(
        _ blob: ContextBlob, _ plain: Secret, _ secrets: BlobSecrets
    ) throws(TPMResult) -> Digest {
        var open = blob
        open.sensitiveData = []
        return HMAC.authenticate(key: secrets.tpmProof, try open.encoded(), plain)
    }
}
