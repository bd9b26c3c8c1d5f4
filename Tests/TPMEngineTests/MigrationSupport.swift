import TPMClient
import TPMCrypto
import TPMTesting
import TPMWire

@testable import TPMEngine

extension OwnedTPM {
    /// A TPM whose SRK, tpmProof and later keys are not those of ``OwnedTPM/init(_:seed:)``; the owner's and the SRK's
    /// secrets are.
    static func other() -> OwnedTPM {
        let tpm = OwnedTPM(seed: "another TPM, later")
        tpm.tpm.state = otherState
        tpm.tpm.environment.keyPairs = TestKeyPairs(startingAt: 4)
        return tpm
    }

    private static let otherState: TPMState = {
        let tpm = OwnedTPM(seed: "another TPM")
        tpm.tpm.environment.keyPairs = TestKeyPairs(startingAt: 7)
        // The tests that need it fail, and say why.
        if let error = tpm.failure(of: { try tpm.changeOwner() }) { print("no other TPM: \(error)") }
        return tpm.tpm.state
    }()

    private func failure(of body: () throws -> Void) -> (any Error)? {
        do {
            try body()
            return nil
        } catch {
            return error
        }
    }

    /// The SRK's public part, as TPM_OwnerReadInternalPub gives it.
    var srkPublic: Pubkey { tpm.state.permanent.ownership?.srk.key.pubkey ?? Pubkey() }

    var tpmProof: Secret { tpm.state.permanent.blobSecrets?.tpmProof ?? Secret([]) }

    /// What the SRK's private key finds in the encrypted part of a blob.
    func opened(_ encData: [UInt8], by key: KeyHandle = .srk) throws -> StoreAsymkey {
        let parent = key == .srk ? tpm.state.permanent.ownership?.srk : tpm.state.keys[key]
        let plain = try parent?.privateKey.decryptOAEP(encData) ?? Secret([])
        return try WireDecoder.decode(StoreAsymkey.self, from: plain)
    }

    /// The owner's leave for a migration key.
    func leave(for key: Pubkey, _ scheme: MigrateScheme) throws -> MigrationKeyAuth {
        try client.authorizeMigrationKey(key, scheme: scheme, owner: ownerAuth)
    }

    /// Whether a key below the SRK, or another parent, loads and does its work: a signature verifies, what is bound for
    /// it is unbound.
    func works(_ blob: Key, under parent: KeyHandle = .srk) throws -> Bool {
        let parentAuth = parent == .srk ? srkAuth : Self.keyAuth
        return try client.withKey(blob, under: parent, parentAuth: parentAuth) { handle in
            let key = try RSAPublicKey(blob.pubkey)
            if blob.keyUsage == .bind {
                let bound = try key.bind(Secret([1, 2, 3]), random: SeededRandom(seed: 1))
                return try client.unbind(bound, with: handle, auth: Self.keyAuth) == Secret([1, 2, 3])
            }
            let digest = Digest(repeating: 7)
            return key.verify(digest, signature: try client.sign(digest, with: handle, auth: Self.keyAuth))
        }
    }
}

/// A migration authority outside every TPM: one key that blobs go to, and one that signs where they may go.
struct MigrationAuthority {
    private let encryption: RSAPrivateKey
    private let signing: RSAPrivateKey
    let encryptionKey: Pubkey
    let signingKey: Pubkey

    init() throws {
        encryption = try RSAPrivateKey(primes: try TestKeyPairs(startingAt: 6).keyPair(bits: 2048, exponent: 65537))
        signing = try RSAPrivateKey(primes: try TestKeyPairs(startingAt: 6).keyPair(bits: 1024, exponent: 65537))
        encryptionKey = Pubkey(
            algorithmParms: OwnedTPM.template(.storage).algorithmParms,
            pubKey: StorePubkey(key: encryption.publicKey.modulus))
        signingKey = Pubkey(
            algorithmParms: OwnedTPM.template(.signing, bits: 1024).algorithmParms,
            pubKey: StorePubkey(key: signing.publicKey.modulus))
    }

    /// What the authority sees of a blob: the masked encoding.
    func open(_ blob: MigrationBlob) throws -> Secret { try encryption.decryptOAEP(blob.outData) }

    /// The blob on its way to another key.
    func pass(_ blob: MigrationBlob, to target: Pubkey) throws -> MigrationBlob {
        let outData = try RSAPublicKey(target).encryptOAEP(try open(blob), random: SeededRandom(seed: 2))
        return MigrationBlob(random: blob.random, outData: outData)
    }

    func consent(to destination: Pubkey, for source: Pubkey) throws -> CMKAuth {
        try CMKAuth(authority: signingKey, destination: destination, source: source)
    }

    func sign(_ consent: CMKAuth) throws -> [UInt8] { try sign(SHA1.hash(try consent.encoded())) }

    func sign(_ digest: Digest) throws -> [UInt8] { try signing.signPKCS1(block: digestInfo(digest)) }
}

/// A blob as an outsider can make one: any message in the encoding of a migration blob, under a mask of zeros.
func forgedBlob(
    _ message: [UInt8], seed: [UInt8] = [0, 0, 0, 128] + [UInt8](repeating: 0x77, count: 16),
    label: Secret = OwnedTPM.migrationAuth, for target: Pubkey
) throws -> MigrationBlob {
    let encoded = try OAEP.encode(Secret(message), labelHash: label, seed: Secret(seed))
    return MigrationBlob(
        random: [UInt8](repeating: 0, count: encoded.count),
        outData: try RSAPublicKey(target).encryptOAEP(encoded, random: SeededRandom(seed: 3)))
}
