import TPMCrypto
import TPMWire

extension Execution {
    /// A loaded key or the SRK; TPM_INVALID_KEYHANDLE when there is none of that handle.
    func key(_ handle: KeyHandle) throws(TPMResult) -> LoadedKey {
        if handle == .srk { return try ownership().srk }
        guard let key = state.keys[handle] else { throw .invalidKeyHandle }
        return key
    }

    /// The key that a command uses, once its authorization and its PCRs and localities allow it.
    ///
    /// - Parameter position: the session that authorizes the key; nil when the command came without one for it, which
    ///   only a key of TPM_AUTH_NEVER takes.
    /// - Throws: TPM_INVALID_KEYHANDLE, TPM_WRONGPCRVAL, TPM_BAD_LOCALITY, TPM_AUTHFAIL and what
    ///   ``authorize(_:as:secret:)`` throws.
    mutating func useKey(_ handle: KeyHandle, at position: Authorization.Position?) throws(TPMResult) -> LoadedKey {
        let key = try key(handle)
        try checkRelease(key.key.pcrInfo.short)
        try authorizeKey(handle, key, at: position, withoutSession: [.never])
        return key
    }

    /// The key of which a command reads the public part only, once its authorization allows it: without a session a
    /// key of TPM_AUTH_NEVER or TPM_NO_READ_PUBKEY_AUTH. The command's own step is ``checkPublicRead(_:)``.
    mutating func keyToRead(_ handle: KeyHandle, at position: Authorization.Position?) throws(TPMResult) -> LoadedKey {
        let key = try key(handle)
        try authorizeKey(handle, key, at: position, withoutSession: [.never, .noReadPubkeyAuth])
        return key
    }

    /// The key whose use is delegated, once its secret authorizes that; its PCRs and localities do not count (Part 3, 19.2
    /// description 1).
    mutating func keyToDelegate(_ handle: KeyHandle, at position: Authorization.Position) throws(TPMResult) -> LoadedKey
    {
        let key = try key(handle)
        try authorizeKey(handle, key, at: position, withoutSession: [])
        return key
    }

    private mutating func authorizeKey(
        _ handle: KeyHandle, _ key: LoadedKey, at position: Authorization.Position?,
        withoutSession allowed: [AuthDataUsage]
    ) throws(TPMResult) {
        if let position {
            try authorize(position, as: .key(handle), secret: key.usageAuth)
            if authorization.delegation(at: position) != nil { try checkRestriction(key.key) }
        } else {
            guard allowed.contains(key.key.authDataUsage) else { throw .authFail }
        }
    }

    /// TPM_INVALID_KEYUSAGE for a delegated use of a certified migration key that the owner keeps from delegates (Part 3,
    /// 11.5 description 1).
    private func checkRestriction(_ key: Key) throws(TPMResult) {
        guard key.keyFlags.contains(.migrateAuthority) else { return }
        let restriction: CMKDelegate? =
            switch key.keyUsage {
            case .signing: .signing
            case .storage: .storage
            case .bind: .bind
            case .legacy: .legacy
            case .migrate: .migrate
            default: nil
            }
        guard let restriction, state.permanent.restrictDelegate.contains(restriction) else { throw .invalidKeyUsage }
    }

    /// Checks PCRs and locality of a key of which only the public part is read, unless pcrIgnoredOnRead is set
    /// (Part 2, 5.10).
    func checkPublicRead(_ key: LoadedKey) throws(TPMResult) {
        guard !key.key.keyFlags.contains(.pcrIgnoredOnRead) else { return }
        try checkRelease(key.key.pcrInfo.short)
    }

    /// Checks that PCRs and locality are those at which something may be released (Part 2, 8.3 to 8.5).
    func checkRelease(_ info: PCRInfoShort?) throws(TPMResult) {
        guard let info else { return }
        try checkPCRs(info)
        try checkLocality(info)
    }

    /// TPM_WRONGPCRVAL unless the selected PCRs are as they have to be; a selection of none is always right.
    func checkPCRs(_ info: PCRInfoShort) throws(TPMResult) {
        guard !info.pcrSelection.isEmpty else { return }
        guard try state.clear.pcrs.compositeHash(info.pcrSelection) == info.digestAtRelease else {
            throw .wrongPCRVal
        }
    }

    /// TPM_BAD_LOCALITY unless the command's locality is one of those allowed.
    func checkLocality(_ info: PCRInfoShort) throws(TPMResult) {
        guard info.localityAtRelease.contains(locality) else { throw .badLocality }
    }

    /// Removes a key and ends the sessions that were bound to it (Part 3, 18.2 action 14.b); false without one.
    @discardableResult
    mutating func evict(_ handle: KeyHandle) -> Bool {
        guard state.keys.remove(handle) else { return false }
        state.any.sessions.close(boundTo: .key(handle))
        return true
    }
}

extension PCRBank {
    /// The selected registers with their values (Part 2, 8.2).
    func composite(_ selection: PCRSelection) -> PCRComposite {
        PCRComposite(select: selection, pcrValue: selection.indices.map { self[$0] })
    }

    /// TPM_COMPOSITE_HASH of the selected registers; zero when none is selected (Part 2, 5.4.1 and 8.1).
    func compositeHash(_ selection: PCRSelection) throws(TPMResult) -> Digest {
        selection.isEmpty ? .zero : SHA1.hash(try composite(selection).encoded())
    }
}
