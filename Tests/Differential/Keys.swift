import TPMClient
import TPMCrypto
import TPMWire

/// A key that both TPMs loaded.
struct LoadedKey {
    let handle: Both<KeyHandle>
    let blob: Both<Key>
    let auth: Secret
    /// What the key was made for.
    let usage: KeyUsage

    var publicKey: Both<RSAPublicKey>? {
        blob.compactMap { try? RSAPublicKey(Pubkey(algorithmParms: $0.algorithmParms, pubKey: $0.pubKey)) }
    }

    var oiap: Auth { .oiap(auth) }
}

extension Pair {
    /// The authorization that the SRK asks for.
    static var srkOIAP: Auth { .oiap(srkAuth) }
    static var srkOSAP: Auth { .osapKey(srk, srkAuth) }
    static var ownerOIAP: Auth { .oiap(ownerAuth) }
    static var ownerOSAP: Auth { .osapOwner(ownerAuth) }

    /// TPM_CreateEndorsementKeyPair with 2048 bits; the public key.
    func createEndorsementKey() throws -> Both<RSAPublicKey>? {
        let request = CreateEndorsementKeyPair.Request(
            antiReplay: Digest(repeating: 9), keyInfo: Key.template(.storage).algorithmParms)
        let created = try send(CreateEndorsementKeyPair.self, request)
        return try created?.map { try RSAPublicKey($0.pubEndorsementKey) }
    }

    /// TPM_TakeOwnership with the secrets that all flows know.
    @discardableResult
    func takeOwnership(_ template: Key = .template(.storage)) throws -> Bool {
        guard let ek = endorsementKey else { return false }
        let done = try send(TakeOwnership.self, Self.ownerOIAP) { side, _ in
            TakeOwnership.Request(
                encOwnerAuth: try ek[side].encryptOAEP(Self.ownerAuth),
                encSrkAuth: try ek[side].encryptOAEP(Self.srkAuth), srkParams: template)
        }
        if done != nil { owner = Self.ownerAuth }
        return done != nil
    }

    /// TPM_CreateWrapKey.
    @discardableResult
    func createKey(
        _ template: Key, under parent: Both<KeyHandle> = srk, _ auth: Auth = srkOSAP, keyAuth: Secret = keyAuth
    ) throws -> Both<Key>? {
        try send(CreateWrapKey.self, auth) { side, sessions in
            CreateWrapKey.Request(
                parentHandle: parent[side], dataUsageAuth: try sessions[0].hide(keyAuth),
                dataMigrationAuth: try sessions[0].hideSecond(Self.wrongAuth), keyInfo: template)
        }?.map(\.wrappedKey)
    }

    /// TPM_LoadKey2.
    @discardableResult
    func load(
        _ blob: Both<Key>, under parent: Both<KeyHandle> = srk, _ auth: Auth = srkOIAP
    ) throws -> Both<KeyHandle>? {
        try send(LoadKey2.self, auth) { side, _ in .init(parentHandle: parent[side], inKey: blob[side]) }?
            .map(\.inkeyHandle)
    }

    /// Makes and loads a key under the SRK.
    func makeKey(_ template: Key, keyAuth: Secret = keyAuth) throws -> LoadedKey? {
        guard let blob = try createKey(template, keyAuth: keyAuth), let handle = try load(blob) else { return nil }
        return LoadedKey(handle: handle, blob: blob, auth: keyAuth, usage: template.keyUsage)
    }

    func flush(_ key: Both<KeyHandle>) throws {
        try send(FlushSpecific.self) { side, _ in .init(handle: key[side].rawValue, resourceType: .key) }
    }

    /// TPM_Seal.
    @discardableResult
    func seal(
        _ data: [UInt8], with key: Both<KeyHandle> = srk, _ auth: Auth = srkOSAP, pcrInfo: Both<[UInt8]> = Both([])
    ) throws -> Both<SealedBlob>? {
        try send(Seal.self, auth) { side, sessions in
            Seal.Request(
                keyHandle: key[side], encAuth: try sessions[0].hide(Self.dataAuth), pcrInfo: pcrInfo[side],
                inData: Secret(data))
        }?.map(\.sealedData)
    }

    /// TPM_Unseal.
    @discardableResult
    func unseal(
        _ blob: Both<SealedBlob>, with key: Both<KeyHandle> = srk, _ auth: Auth = srkOIAP,
        dataAuth: Secret = dataAuth
    ) throws -> Both<Secret>? {
        try send(Unseal.self, auth, .oiap(dataAuth)) { side, _ in .init(parentHandle: key[side], inData: blob[side]) }?
            .map(\.secret)
    }

    /// What a composite of these registers hashes to now; nil when one cannot be read.
    func composite(_ indices: [Int]) throws -> Digest? {
        var values: [UInt8] = []
        for index in indices {
            guard let value = try send(PcrRead.self, .init(pcrIndex: UInt32(index))) else { return nil }
            values += value.vtpm.outDigest.bytes
        }
        var selection = try PCRSelection(indices: Set(indices)).encoded()
        selection += [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: values.count >> $0) } + values
        return SHA1.hash(selection)
    }
}
