import TPMCrypto
import TPMWire

/// What a context's additionalData holds, in the clear (Part 2, 18.1).
private struct ContextInfo: WireStructure {
    var iv = [UInt8](repeating: 0, count: AES.blockSize)
    /// Of the entity that an OSAP session is bound to; zero for other contexts.
    var entityDigest = Digest.zero

    mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
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
            return Response(contextBlob: try execution.saveKey(blob))
        case .auth:
            return Response(contextBlob: try execution.saveSession(blob))
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
            return Response(handle: try execution.loadKey(blob, keepHandle: request.keepHandle))
        case .auth:
            return Response(
                handle: try execution.loadSession(
                    blob, keepHandle: request.keepHandle, entityHandle: request.entityHandle))
        default:
            throw .badContext
        }
    }
}

extension Execution {
    /// Saves the key that the blob's handle names; it stays loaded (Part 3, 21.2).
    mutating func saveKey(_ blob: ContextBlob) throws(TPMResult) -> ContextBlob {
        // 2. and 4.a.
        guard let slot = state.keys.slot(KeyHandle(rawValue: blob.handle)) else { throw .invalidResource }
        if state.clear.contextNonceKey == .zero { state.clear.contextNonceKey = try nonce() }
        guard !slot.isOwnerEvict else { throw .ownerControl }
        // 6. to 9. and 11. to 14.
        let stored = try StoredKey(slot.key).encodedSecret()
        return try seal(
            blob, ContextSensitive(contextNonce: state.clear.contextNonceKey, internalData: stored), entity: .zero)
    }

    /// Saves the session that the blob's handle names, and ends it here (Part 3, 21.2).
    mutating func saveSession(_ blob: ContextBlob) throws(TPMResult) -> ContextBlob {
        // 2. and 4.b.
        guard let session = state.any.sessions[blob.handle] else { throw .invalidResource }
        if state.any.contexts.nonce == .zero { state.any.contexts.nonce = try nonce() }
        // 8.f.
        var digest = Digest.zero
        if let entity = session.binding?.entity { digest = try entityDigest(entity) ?? .zero }
        // 10.
        var blob = blob
        blob.contextCount = try state.any.contexts.add()
        state.any.sessions.close(blob.handle)
        // 6. to 8. and 11. to 14.
        return try seal(
            blob,
            ContextSensitive(
                contextNonce: state.any.contexts.nonce, internalData: try StoredSession(session).encodedSecret()),
            entity: digest)
    }

    /// Loads a saved key into a slot (Part 3, 21.3).
    ///
    /// - Parameter isThisPowerOnOnly: the context must be of this start, whatever the key (Part 3, 27.2.2).
    mutating func loadKey(
        _ blob: ContextBlob, keepHandle: Bool, isThisPowerOnOnly: Bool = false
    ) throws(TPMResult) -> UInt32 {
        // 3., 4. and 6.
        let (sensitive, _) = try open(blob)
        let stored = try WireDecoder.decode(StoredKey.self, from: sensitive.internalData, short: .badContext)
        // 5.b.
        if isThisPowerOnOnly || stored.parentPCRStatus || stored.key.keyFlags.contains(.isVolatile),
            sensitive.contextNonce != state.clear.contextNonceKey
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
        _ blob: ContextBlob, keepHandle: Bool, entityHandle: UInt32?
    ) throws(TPMResult) -> UInt32 {
        // 3., 4. and 6.
        let (sensitive, info) = try open(blob)
        // 5.a.
        guard sensitive.contextNonce == state.any.contexts.nonce else { throw .badContext }
        let stored = try WireDecoder.decode(StoredSession.self, from: sensitive.internalData, short: .badContext)
        var binding = try stored.binding()
        if let bound = binding {
            // The key may have another handle by now, which the caller names.
            var entity = bound.entity
            if case .key(let handle) = entity, handle != .srk, let entityHandle {
                entity = .key(KeyHandle(rawValue: entityHandle))
            }
            guard let digest = try entityDigest(entity) else { throw .resourceMissing }
            guard digest == info.entityDigest else { throw .badHandle }
            binding = .init(entity: entity, sharedSecret: bound.sharedSecret, scheme: bound.scheme)
        }
        // 7. and 8.
        if keepHandle, state.any.sessions[blob.handle] != nil { throw .badHandle }
        // 9. and 10.
        guard state.any.contexts.remove(blob.contextCount) else { throw .badContext }
        return try state.any.sessions.open(nonceEven: stored.nonceEven, start: blob.handle, binding: binding).handle
    }

    /// Authenticates and encrypts a context (Part 3, 21.2 actions 11 and 12).
    private mutating func seal(
        _ blob: ContextBlob, _ sensitive: ContextSensitive, entity: Digest
    ) throws(TPMResult) -> ContextBlob {
        let secrets = try blobSecrets()
        let plain = try sensitive.encodedSecret()
        let info = ContextInfo(iv: try randomBytes(AES.blockSize), entityDigest: entity)
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
    private func open(_ blob: ContextBlob) throws(TPMResult) -> (ContextSensitive, ContextInfo) {
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
        guard Secret(try integrity(unsigned, plain, secrets)) == Secret(blob.integrityDigest) else {
            throw .badContext
        }
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
