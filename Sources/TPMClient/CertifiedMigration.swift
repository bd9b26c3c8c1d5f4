import TPMCrypto
import TPMWire

/// Certified migration keys: keys that a TPM vouches for though they move, since authorities decide where to (Part 1,
/// 37; Part 3, 11.6 to 11.10).
extension TPMClient {
    /// The owner's leave to create keys under those authorities (Part 3, 11.6).
    public func approve(_ authorities: MSAComposite, owner: Secret) throws -> Digest {
        try execute(
            CMKApproveMA.self, .init(migrationAuthorityDigest: try authorities.digest()), authorizedBy: owner
        ).outData
    }

    /// Makes a key that moves with its authorities' consent alone (Part 3, 11.7).
    ///
    /// - Parameters:
    ///   - template: with the flags `.migratable` and `.migrateAuthority`.
    ///   - approval: what ``approve(_:owner:)`` returned.
    public func createCertifiedKey(
        _ template: Key, authorities: MSAComposite, approval: Digest, auth: Secret = .wellKnown,
        under parent: KeyHandle = .srk, parentAuth: Secret = .wellKnown
    ) throws -> Key {
        try withOSAP(.keyHandle, parent.rawValue, secret: parentAuth) { session in
            let request = CMKCreateKey.Request(
                parentHandle: parent, dataUsageAuth: try session.hide(auth), keyInfo: template,
                migrationAuthorityApproval: approval, migrationAuthorityDigest: try authorities.digest())
            return try execute(CMKCreateKey.self, request, session).wrappedKey
        }
    }

    /// Has the TPM check an authority's signature over an approval, for the owner (Part 3, 11.8).
    ///
    /// - Parameters:
    ///   - approval: the authority, the destination and the key by their public keys.
    ///   - signature: PKCS #1 v1.5 over the SHA-1 of the approval's 60 bytes.
    public func ticket(
        for approval: CMKAuth, signature: [UInt8], by authority: Pubkey, owner: Secret
    ) throws -> MigrationApproval {
        let request = CMKCreateTicket.Request(
            verificationKey: authority, signedData: SHA1.hash(try approval.encoded()), signatureValue: signature)
        let ticket = try execute(CMKCreateTicket.self, request, authorizedBy: owner).sigTicket
        return MigrationApproval(restrictTicket: approval, sigTicket: ticket)
    }

    /// The private part of a certified migration key, for an authority itself or for the destination that one of them
    /// approved (Part 3, 11.9).
    ///
    /// - Parameters:
    ///   - target: allowed by the owner for `.restrictMigrate`, or for `.restrictApprove` when there is an approval.
    ///   - approval: with a ticket of this TPM.
    public func certifiedMigrationBlob(
        of key: Key, for target: MigrationKeyAuth, authorities: MSAComposite, approval: MigrationApproval? = nil,
        under parent: KeyHandle = .srk, parentAuth: Secret = .wellKnown
    ) throws -> MigrationBlob {
        let request = CMKCreateBlob.Request(
            parentHandle: parent, migrationType: target.migrationScheme, migrationKeyAuth: target,
            pubSourceKeyDigest: try key.pubkey.digest(), msaList: authorities,
            restrictTicket: try approval?.restrictTicket.encoded() ?? [],
            sigTicket: approval?.sigTicket.bytes ?? [], encData: key.encData)
        return try execute(CMKCreateBlob.self, request, authorizedBy: parentAuth)
    }

    /// The certified migration key as a child of the storage key that an authority approved (Part 3, 11.10).
    ///
    /// - Parameter approval: with a ticket of this TPM.
    public func convertCertified(
        _ blob: MigrationBlob, of key: Key, authorities: MSAComposite, approval: MigrationApproval,
        under parent: KeyHandle = .srk, parentAuth: Secret = .wellKnown
    ) throws -> Key {
        var moved = key
        moved.encData = blob.outData
        let request = CMKConvertMigration.Request(
            parentHandle: parent, restrictTicket: approval.restrictTicket, sigTicket: approval.sigTicket,
            migratedKey: moved, msaList: authorities, random: blob.random)
        moved.encData = try execute(CMKConvertMigration.self, request, authorizedBy: parentAuth).outData
        return moved
    }
}

/// An authority's consent to move one key to one destination, and the ticket that one TPM gave for its signature.
public struct MigrationApproval: Sendable, Equatable {
    public var restrictTicket: CMKAuth
    public var sigTicket: Digest

    public init(restrictTicket: CMKAuth, sigTicket: Digest) {
        self.restrictTicket = restrictTicket
        self.sigTicket = sigTicket
    }
}

extension CMKAuth {
    /// That an authority consents to move a key to a destination.
    public init(authority: Pubkey, destination: Pubkey, source: Pubkey) throws(TPMResult) {
        self.init(
            migrationAuthorityDigest: try authority.digest(), destinationKeyDigest: try destination.digest(),
            sourceKeyDigest: try source.digest())
    }
}

extension MSAComposite {
    /// The authorities by their public keys: those that sign, and those that keys may move to without a signature.
    public init(_ authorities: [Pubkey]) throws(TPMResult) {
        self.init()
        for authority in authorities { migAuthDigest.append(try authority.digest()) }
    }

    func digest() throws(TPMResult) -> Digest { SHA1.hash(try encoded()) }
}

extension Pubkey {
    func digest() throws(TPMResult) -> Digest { SHA1.hash(try encoded()) }
}
