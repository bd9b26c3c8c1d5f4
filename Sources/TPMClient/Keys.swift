import TPMCrypto
import TPMWire

extension TPMClient {
    /// Makes a key under a storage key and returns its blob (Part 3, 10.4).
    ///
    /// - Parameter migrationAuth: the secret for moving the key to another TPM, for a template that is migratable.
    public func createKey(
        _ template: Key, auth: Secret = .wellKnown, migrationAuth: Secret = .wellKnown, under parent: KeyHandle = .srk,
        parentAuth: Secret = .wellKnown
    ) throws -> Key {
        try withOSAP(.keyHandle, parent.rawValue, secret: parentAuth) { session in
            let request = CreateWrapKey.Request(
                parentHandle: parent, dataUsageAuth: try session.hide(auth),
                dataMigrationAuth: try session.hideSecond(migrationAuth), keyInfo: template)
            return try execute(CreateWrapKey.self, request, session).wrappedKey
        }
    }

    /// Loads a key (Part 3, 10.5); ``flush(_:)`` unloads it. A parent that needs no authorization takes nil.
    public func load(
        _ key: Key, under parent: KeyHandle = .srk, parentAuth: Secret? = .wellKnown
    ) throws -> KeyHandle {
        try execute(LoadKey2.self, .init(parentHandle: parent, inKey: key), authorizedBy: parentAuth).inkeyHandle
    }

    /// Unloads a key (Part 3, 22.1).
    public func flush(_ key: KeyHandle) throws {
        try execute(FlushSpecific.self, .init(handle: key.rawValue, resourceType: .key))
    }

    /// Runs `body` with a loaded key and unloads it afterwards, whatever happened.
    public func withKey<Result>(
        _ key: Key, under parent: KeyHandle = .srk, parentAuth: Secret? = .wellKnown,
        _ body: (KeyHandle) throws -> Result
    ) throws -> Result {
        let handle = try load(key, under: parent, parentAuth: parentAuth)
        defer { try? flush(handle) }
        return try body(handle)
    }

    /// The public part of a loaded key (Part 3, 10.6).
    public func publicKey(_ key: KeyHandle, auth: Secret? = .wellKnown) throws -> Pubkey {
        try execute(GetPubKey.self, .init(keyHandle: key), authorizedBy: auth).pubKey
    }

    /// A PKCS #1 v1.5 signature over a SHA-1 digest, with a key of TPM_SS_RSASSAPKCS1v15_SHA1 (Part 3, 13.5).
    public func sign(_ digest: Digest, with key: KeyHandle, auth: Secret? = .wellKnown) throws -> [UInt8] {
        try execute(Sign.self, .init(keyHandle: key, areaToSign: digest.bytes), authorizedBy: auth).sig
    }

    /// What was encrypted for a binding key (Part 3, 10.3); ``TPMCrypto/RSAPublicKey/bind(_:random:)`` encrypts.
    public func unbind(_ data: [UInt8], with key: KeyHandle, auth: Secret? = .wellKnown) throws -> Secret {
        try execute(UnBind.self, .init(keyHandle: key, inData: data), authorizedBy: auth).outData
    }

    /// The key with another secret for its use (Part 3, 17.1).
    public func changeAuth(
        of key: Key, from old: Secret, to new: Secret, under parent: KeyHandle = .srk, parentAuth: Secret = .wellKnown
    ) throws -> Key {
        var changed = key
        changed.encData = try changeAuth(
            .key, key.encData, from: old, to: new, under: parent, parentAuth: parentAuth)
        return changed
    }

    /// The encrypted part of a blob with another secret (Part 3, 17.1).
    func changeAuth(
        _ kind: EntityKind, _ encData: [UInt8], from old: Secret, to new: Secret, under parent: KeyHandle,
        parentAuth: Secret
    ) throws -> [UInt8] {
        try withOSAP(.keyHandle, parent.rawValue, secret: parentAuth) { session in
            let request = ChangeAuth.Request(
                parentHandle: parent, newAuth: try session.hide(new), entityType: EntityType(kind: kind),
                encData: encData)
            return try withOIAP(old) { try execute(ChangeAuth.self, request, session, $0).outData }
        }
    }
}

extension Key {
    /// What ``TPMClient/createKey(_:auth:migrationAuth:under:parentAuth:)`` makes a key from.
    ///
    /// - Parameter signing: the scheme of a key that signs; others have none.
    public static func template(
        _ usage: KeyUsage, bits: UInt32 = 2048, flags: KeyFlags = [], authDataUsage: AuthDataUsage = .always,
        signing: SigScheme = .rsassaPKCS1v15SHA1, boundTo pcrs: PCRInfoLong? = nil
    ) -> Key {
        let parms = KeyParms(
            algorithmID: .rsa, encScheme: usage.allowedEncSchemes.first ?? .none,
            sigScheme: usage.allowedSigSchemes.contains(signing) ? signing : .none,
            parms: .rsa(RSAKeyParms(keyLength: bits, numPrimes: 2, exponent: [])))
        return Key(
            form: .key12, keyUsage: usage, keyFlags: flags, authDataUsage: authDataUsage, algorithmParms: parms,
            pcrInfo: pcrs.map { .long($0) } ?? .none, pubKey: StorePubkey(), encData: [])
    }
}
