import TPMCrypto
import TPMWire

extension TPMClient {
    /// Seals data to this TPM, and to PCRs when `pcrs` says so (Part 3, 10.1). A key of 2048 bits seals at most 149
    /// bytes.
    ///
    /// - Parameters:
    ///   - key: a storage key that cannot migrate.
    ///   - dataAuth: the secret that unsealing will ask for.
    public func seal(
        _ data: Secret, with key: KeyHandle = .srk, keyAuth: Secret = .wellKnown, dataAuth: Secret = .wellKnown,
        boundTo pcrs: PCRInfoLong? = nil
    ) throws -> SealedBlob {
        try withOSAP(.keyHandle, key.rawValue, secret: keyAuth) { session in
            let request = Seal.Request(
                keyHandle: key, encAuth: try session.hide(dataAuth), pcrInfo: try pcrs?.encoded() ?? [], inData: data)
            return try execute(Seal.self, request, session).sealedData
        }
    }

    /// Seals data that is encrypted on its way, and will be again when it is unsealed (Part 3, 10.7).
    public func sealHidden(
        _ data: Secret, with key: KeyHandle = .srk, keyAuth: Secret = .wellKnown, dataAuth: Secret = .wellKnown,
        boundTo pcrs: PCRInfoLong? = nil, scheme: ADIPScheme = .xor
    ) throws -> SealedBlob {
        try withOSAP(.keyHandle, key.rawValue, secret: keyAuth, scheme: scheme) { session in
            let masked = try session.mask(data: data, nonceEven: session.nonceEven, nonceOdd: session.nonceOdd)
            let request = Sealx.Request(
                keyHandle: key, encAuth: try session.hide(dataAuth), pcrInfo: try pcrs?.encoded() ?? [],
                inData: masked)
            return try execute(Sealx.self, request, session).sealedData
        }
    }

    /// What a blob holds, if this TPM sealed it and the PCRs are as it demands (Part 3, 10.2).
    public func unseal(
        _ blob: SealedBlob, with key: KeyHandle = .srk, keyAuth: Secret = .wellKnown, dataAuth: Secret = .wellKnown
    ) throws -> Secret {
        let request = Unseal.Request(parentHandle: key, inData: blob)
        return try withOSAP(.keyHandle, key.rawValue, secret: keyAuth, scheme: blob.hidingScheme ?? .xor) { parent in
            let (nonceEven, nonceOdd) = (parent.nonceEven, parent.nonceOdd)
            let secret = try withOIAP(dataAuth) { try execute(Unseal.self, request, parent, $0).secret }
            guard blob.hidingScheme != nil else { return secret }
            return try parent.mask(data: secret, nonceEven: nonceEven, nonceOdd: nonceOdd)
        }
    }

    /// The blob with another secret for unsealing (Part 3, 17.1).
    public func changeAuth(
        of blob: SealedBlob, from old: Secret, to new: Secret, under parent: KeyHandle = .srk,
        parentAuth: Secret = .wellKnown
    ) throws -> SealedBlob {
        let encData = try changeAuth(.data, blob.encData, from: old, to: new, under: parent, parentAuth: parentAuth)
        return blob.with(encData: encData)
    }
}

extension SealedBlob {
    /// How TPM_Unseal will hide the data; nil when it will not.
    fileprivate var hidingScheme: ADIPScheme? {
        guard case .storedData12(let stored) = self, stored.et.rawValue != 0 else { return nil }
        return stored.et.scheme
    }
}
