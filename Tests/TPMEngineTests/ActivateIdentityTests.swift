import TPMClient
import TPMCrypto
import TPMTesting
import TPMWire
import Testing

@testable import TPMEngine

/// TPM_ActivateIdentity (Part 3, 15.2), and with it the whole way of a credential from a privacy CA to a TPM.
@Suite struct ActivateIdentityTests {
    /// 16 bytes, AES.
    private static let sessionKey = [UInt8](repeating: 0x5e, count: 16)
    /// TPM_SYMMETRIC_KEY of AES-128 without a scheme.
    private static let symmetricKey: [UInt8] = [0, 0, 0, 6, 0, 1, 0, 16] + sessionKey

    private struct Identity {
        let handle: KeyHandle
        let key: Key
        var digest: Digest { (try? SHA1.hash(key.pubkey.encoded())) ?? .zero }
    }

    private func identity(_ tpm: OwnedTPM, _ template: Key = .template(.identity)) throws -> Identity {
        let made = try tpm.client.makeIdentity(
            label: Array("me".utf8), privacyCA: try CA().pubkey, auth: OwnedTPM.keyAuth, owner: tpm.ownerAuth,
            srkAuth: tpm.srkAuth, template: template)
        return Identity(handle: try tpm.load(made.idKey), key: made.idKey)
    }

    private func encrypted(_ plain: [UInt8], _ tpm: OwnedTPM) throws -> [UInt8] {
        try tpm.encryptedForEK(Secret(plain))
    }

    /// TPM_ASYM_CA_CONTENTS.
    private func contents(_ digest: Digest) -> [UInt8] { Self.symmetricKey + digest.bytes }

    /// TPM_EK_BLOB around a TPM_EK_BLOB_ACTIVATE; without a release, of no register and of every locality.
    private func ekBlob(
        _ digest: Digest, type: UInt16 = 1, release: [UInt8] = [0, 3, 0, 0, 0, 0x1f] + [UInt8](repeating: 0, count: 20)
    ) -> [UInt8] {
        let activate = [0, 0x2b] + Self.symmetricKey + digest.bytes + release
        return [0, 0x0c, UInt8(type >> 8), UInt8(type & 0xff)] + be32(UInt32(activate.count)) + activate
    }

    /// The return code of one try with the right secrets.
    private func code(_ plain: [UInt8], _ identity: Identity, _ tpm: OwnedTPM) throws -> TPMResult? {
        tpm.code(
            ActivateIdentity.self, .init(idKeyHandle: identity.handle, blob: try encrypted(plain, tpm)),
            try tpm.keySession(), try tpm.ownerSession(continues: false))
    }

    @Test func whatAllCommandsShare() throws {
        let tpm = OwnedTPM()
        let identity = try identity(tpm)
        for plain in [contents(identity.digest), ekBlob(identity.digest)] {
            try check(
                ActivateIdentity.self, .init(idKeyHandle: identity.handle, blob: try encrypted(plain, tpm)), on: tpm,
                try tpm.keySession(), try tpm.ownerSession(continues: false))
        }
        let blob = try encrypted(ekBlob(identity.digest), tpm)
        try check(
            ActivateIdentity.self, .init(idKeyHandle: identity.handle, blob: blob), on: tpm,
            try tpm.keyOSAP(identity.handle), try tpm.ownerOSAP(continues: false))
    }

    @Test func bothFormsRevealTheSessionKey() throws {
        let tpm = OwnedTPM()
        let identity = try identity(tpm)
        for plain in [contents(identity.digest), ekBlob(identity.digest)] {
            let key = try tpm.client.activateIdentity(
                identity.handle, blob: try encrypted(plain, tpm), auth: OwnedTPM.keyAuth, owner: tpm.ownerAuth)
            #expect(try key.encoded() == Self.symmetricKey)
        }
    }

    @Test func whatWasMadeForAnotherIdentityIsRefused() throws {
        let tpm = OwnedTPM()
        let first = try identity(tpm)
        let second = try identity(tpm)
        #expect(first.digest != second.digest)
        for plain in [contents(first.digest), ekBlob(first.digest)] {
            #expect(try code(plain, first, tpm) == .success)
            #expect(try code(plain, second, tpm) == .badParameter)
        }
    }

    @Test func whatWasMadeForAnotherTPMIsRefused() throws {
        let tpm = OwnedTPM()
        let identity = try identity(tpm)
        let other = try CA().key
        for plain in [contents(identity.digest), ekBlob(identity.digest)] {
            let blob = try other.publicKey.encryptOAEP(Secret(plain))
            let request = ActivateIdentity.Request(idKeyHandle: identity.handle, blob: blob)
            #expect(
                tpm.code(ActivateIdentity.self, request, try tpm.keySession(), try tpm.ownerSession())
                    == .decryptError)
        }
    }

    @Test func theRegistersAtReleaseAreChecked() throws {
        let tpm = OwnedTPM()
        let identity = try identity(tpm)
        let release = [0, 3, 0x80, 0, 0, 0x1f] + tpm.composite(7).bytes
        let plain = ekBlob(identity.digest, release: release)
        #expect(try code(plain, identity, tpm) == .success)
        try tpm.extend(7)
        #expect(try code(plain, identity, tpm) == .wrongPCRVal)
        try tpm.extend(8)
        #expect(try code(ekBlob(identity.digest), identity, tpm) == .success)
    }

    @Test func theLocalityAtReleaseIsCheckedAfterTheRegisters() throws {
        let tpm = OwnedTPM()
        let identity = try identity(tpm)
        let plain = ekBlob(identity.digest, release: [0, 3, 0x80, 0, 0, 0x0c] + tpm.composite(7).bytes)
        for locality in Locality.allCases {
            tpm.locality = locality
            let isAllowed = locality == .two || locality == .three
            #expect(try code(plain, identity, tpm) == (isAllowed ? .success : .badLocality))
        }
        try tpm.extend(7)
        #expect(try code(plain, identity, tpm) == .wrongPCRVal)
    }

    @Test func anEKBlobOfAnotherTypeIsBadType() throws {
        let tpm = OwnedTPM()
        let identity = try identity(tpm)
        #expect(try code(ekBlob(identity.digest, type: 2), identity, tpm) == .badType)
        #expect(try code(ekBlob(identity.digest, type: 9), identity, tpm) == .badType)
        // One that is whole: TPM_EK_BLOB_AUTH.
        let auth: [UInt8] = [0, 0x0c, 0, 2, 0, 0, 0, 22, 0, 0x0d] + [UInt8](repeating: 3, count: 20)
        #expect(try code(auth, identity, tpm) == .badType)
    }

    @Test func whatIsOfNeitherFormIsRefused() throws {
        let tpm = OwnedTPM()
        let identity = try identity(tpm)
        let old = contents(identity.digest)
        let new = ekBlob(identity.digest)
        for plain in [[], [1], Array(old.dropLast()), old + [0], Array(new.dropLast()), new + [0]] {
            #expect(try code(plain, identity, tpm) == .badParamSize, "\(plain.count) bytes")
        }
        var wrongTag = new
        wrongTag[9] ^= 1
        #expect(try code(wrongTag, identity, tpm) == .invalidStructure)
        let noLocality = ekBlob(identity.digest, release: [0, 3, 0, 0, 0, 0] + [UInt8](repeating: 0, count: 20))
        #expect(try code(noLocality, identity, tpm) == .invalidPCRInfo)
        for blob in [[], [1], [UInt8](repeating: 1, count: 256), [UInt8](repeating: 0xff, count: 256)] {
            #expect(
                tpm.code(
                    ActivateIdentity.self, .init(idKeyHandle: identity.handle, blob: blob), try tpm.keySession(),
                    try tpm.ownerSession()) == .decryptError)
        }
    }

    @Test func onlyAnIdentityIsActivated() throws {
        let tpm = OwnedTPM()
        let identity = try identity(tpm)
        let blob = try encrypted(contents(identity.digest), tpm)
        let signing = try tpm.newKey(OwnedTPM.template(.signing))
        #expect(
            tpm.code(
                ActivateIdentity.self, .init(idKeyHandle: signing, blob: blob), try tpm.keySession(),
                try tpm.ownerSession()) == .badParameter)
        #expect(
            tpm.code(
                ActivateIdentity.self, .init(idKeyHandle: .srk, blob: blob), try tpm.srkSession(),
                try tpm.ownerSession()) == .badParameter)
        #expect(
            tpm.code(
                ActivateIdentity.self, .init(idKeyHandle: KeyHandle(rawValue: 5), blob: blob), try tpm.keySession(),
                try tpm.ownerSession()) == .invalidKeyHandle)
    }

    @Test func theIdentitysOwnRegistersAreChecked() throws {
        let tpm = OwnedTPM()
        let identity = try identity(tpm, .template(.identity, boundTo: tpm.pcrInfoLong(7, localities: [.zero, .one])))
        let plain = contents(identity.digest)
        #expect(try code(plain, identity, tpm) == .success)
        tpm.locality = .two
        #expect(try code(plain, identity, tpm) == .badLocality)
        tpm.locality = .one
        try tpm.extend(7)
        #expect(try code(plain, identity, tpm) == .wrongPCRVal)
    }

    @Test func withOneSessionTheIdentityMustNotNeedOne() throws {
        let tpm = OwnedTPM()
        for (usage, expected) in [(AuthDataUsage.never, TPMResult.success), (.always, .authFail)] {
            let identity = try identity(tpm, .template(.identity, authDataUsage: usage))
            let request = ActivateIdentity.Request(
                idKeyHandle: identity.handle, blob: try encrypted(contents(identity.digest), tpm))
            #expect(tpm.code(ActivateIdentity.self, request, try tpm.ownerSession()) == expected)
            #expect(tpm.code(ActivateIdentity.self, request, try tpm.keySession()) == .authFail)
        }
    }

    /// TPM_IDENTITY_PROOF to the privacy CA, its TPM_SYM_CA_ATTESTATION back, and the credential out of it.
    @Test func aPrivacyCACertifiesAnIdentityThatOnlyItsTPMCanActivate() throws {
        let tpm = OwnedTPM()
        let authority = try CA()
        let label = Array("the guest's identity".utf8)
        let made = try tpm.client.makeIdentity(
            label: label, privacyCA: authority.pubkey, auth: OwnedTPM.keyAuth, owner: tpm.ownerAuth,
            srkAuth: tpm.srkAuth)
        #expect(made.isBound(toLabel: label, privacyCA: authority.pubkey))
        #expect(!made.isBound(toLabel: [], privacyCA: authority.pubkey))
        var request = IdentityProof()
        request.identityKey = made.idKey.pubkey
        request.labelArea = label
        request.identityBinding = made.identityBinding
        let endorsementKey = try RSAPublicKey(
            modulus: try #require(tpm.tpm.state.permanent.endorsementKey).key.pubKey.key, exponent: 65537)
        let (blob, attestation) = try authority.certify(request, endorsementKey: endorsementKey)

        let identity = try tpm.load(made.idKey)
        let key = try tpm.client.activateIdentity(
            identity, blob: blob, auth: OwnedTPM.keyAuth, owner: tpm.ownerAuth)
        let credential = try AES.ctr(
            key: key.data, iv: [UInt8](repeating: 0, count: 16), data: attestation.credential)
        #expect(authority.key.publicKey.verify(SHA1.hash(try made.idKey.pubkey.encoded()), signature: credential))

        // A binding to another label is not certified.
        request.labelArea = []
        #expect(throws: CA.Refused.self) { try authority.certify(request, endorsementKey: endorsementKey) }
    }
}

/// A privacy CA: it certifies a key by signing its digest, and encrypts that for the key's TPM alone.
private struct CA {
    struct Refused: Error {}

    let key: RSAPrivateKey
    let pubkey: Pubkey

    init() throws {
        let primes = try TestKeyPairs(startingAt: 5).keyPair(bits: 2048, exponent: 65537)
        key = try RSAPrivateKey(primes: primes)
        pubkey = Pubkey(
            algorithmParms: Key.template(.signing).algorithmParms, pubKey: StorePubkey(key: primes.modulus))
    }

    func certify(
        _ request: IdentityProof, endorsementKey: RSAPublicKey
    ) throws -> (blob: [UInt8], attestation: SymCAAttestation) {
        let chosen = SHA1.hash(request.labelArea + (try pubkey.encoded()))
        let contents = [1, 1, 0, 0, 0, 0, 0, 0x79] + chosen.bytes + (try request.identityKey.encoded())
        let identity = try RSAPublicKey(modulus: request.identityKey.pubKey.key, exponent: 65537)
        guard identity.verifyPKCS1(digestInfo: digestInfo(SHA1.hash(contents)), signature: request.identityBinding)
        else { throw Refused() }
        let credential = try key.signPKCS1(block: digestInfo(SHA1.hash(try request.identityKey.encoded())))
        let session = SymmetricKey(
            algId: .aes128, encScheme: .symCTR, data: Secret([UInt8](repeating: 0x77, count: 16)))
        let attestation = SymCAAttestation(
            algorithm: KeyParms(),
            credential: try AES.ctr(key: session.data, iv: [UInt8](repeating: 0, count: 16), data: credential))
        return (try session.blob(for: request.identityKey, endorsementKey: endorsementKey), attestation)
    }
}
