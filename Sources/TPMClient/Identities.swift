import TPMCrypto
import TPMWire

extension TPMClient {
    /// Makes an attestation identity key under the storage root key (Part 3, 15.1).
    ///
    /// - Parameters:
    ///   - label: what the identity is called, for the privacy CA alone to judge.
    ///   - privacyCA: whom the owner expects to certify it.
    ///   - srkAuth: nil for a storage root key that needs no authorization.
    public func makeIdentity(
        label: [UInt8], privacyCA: Pubkey, auth: Secret = .wellKnown, owner: Secret, srkAuth: Secret? = .wellKnown,
        template: Key = .template(.identity)
    ) throws -> MakeIdentity.Response {
        let digest = try IdentityContents.chosenIDHash(identityLabel: label, privacyCA: privacyCA)
        return try withOSAP(.owner, secret: owner) { session in
            let request = MakeIdentity.Request(
                identityAuth: try session.hide(auth), labelPrivCADigest: digest, idKeyParams: template)
            return try execute(MakeIdentity.self, request, authorizedBy: srkAuth, and: session)
        }
    }

    /// The key to a credential that a privacy CA issued to this TPM and this identity (Part 3, 15.2).
    ///
    /// - Parameters:
    ///   - blob: an ``AsymCAContents`` or an ``EKBlob``, encrypted with the endorsement key.
    ///   - auth: nil for an identity that needs no authorization.
    public func activateIdentity(
        _ identity: KeyHandle, blob: [UInt8], auth: Secret? = .wellKnown, owner: Secret
    ) throws -> SymmetricKey {
        try withOIAP(owner) { session in
            let request = ActivateIdentity.Request(idKeyHandle: identity, blob: blob)
            return try execute(ActivateIdentity.self, request, authorizedBy: auth, and: session).symmetricKey
        }
    }

    /// Sends a command of the owner's session and, unless its key needs none, of one before it for the key.
    private func execute<C: Command>(
        _ command: C.Type, _ request: C.Request, authorizedBy secret: Secret?, and owner: Session
    ) throws -> C.Response {
        guard let secret else { return try execute(command, request, owner) }
        return try withOIAP(secret) { try execute(command, request, $0, owner) }
    }
}

extension MakeIdentity.Response {
    /// Whether the new key signed that it was made for this label and this privacy CA (Part 2, 12.5): what a privacy
    /// CA checks first.
    public func isBound(toLabel label: [UInt8], privacyCA: Pubkey) -> Bool {
        guard let key = try? RSAPublicKey(idKey.pubkey),
            let digest = try? IdentityContents.chosenIDHash(identityLabel: label, privacyCA: privacyCA),
            let contents = try? IdentityContents(
                labelPrivCADigest: digest, identityPubKey: idKey.pubkey
            ).encoded()
        else { return false }
        return key.verify(SHA1.hash(contents), signature: identityBinding)
    }
}

extension SymmetricKey {
    /// What a privacy CA sends to the TPM of an endorsement key, in the form of 1.2 (Part 2, 12.2).
    ///
    /// - Parameter release: the PCRs and localities at which the TPM will give the key away.
    public func blob(
        for identity: Pubkey, endorsementKey: RSAPublicKey, release: PCRInfoShort = PCRInfoShort(),
        random: some RandomSource = SystemRandom()
    ) throws -> [UInt8] {
        let activate = EKBlobActivate(
            sessionKey: self, idDigest: SHA1.hash(try identity.encoded()), pcrInfo: release)
        let blob = EKBlob(ekType: .activate, blob: try activate.encodedSecret())
        return try endorsementKey.encryptOAEP(try blob.encodedSecret(), random: random)
    }

    /// The same in the form of 1.1, which knows no release (Part 2, 12.8).
    public func contents(
        for identity: Pubkey, endorsementKey: RSAPublicKey, random: some RandomSource = SystemRandom()
    ) throws -> [UInt8] {
        let contents = AsymCAContents(sessionKey: self, idDigest: SHA1.hash(try identity.encoded()))
        return try endorsementKey.encryptOAEP(try contents.encodedSecret(), random: random)
    }
}
