import TPMCrypto
import TPMWire

/// What this TPM finds out once and takes back as a ticket: a digest with tpmProof, which nobody else knows.
extension BlobSecrets {
    /// An HMAC over a structure (Part 3, 11.6 to 11.10).
    func ticket(_ structure: some WireStructure) throws(TPMResult) -> Digest {
        HMAC.authenticate(key: tpmProof, try structure.encoded())
    }

    /// Whether a ticket is the one of a structure.
    func isTicket(_ ticket: Digest, of structure: some WireStructure) throws(TPMResult) -> Bool {
        constantTimeEqual(ticket, try self.ticket(structure))
    }

    /// The owner's leave for a migration key: TPM_MIGRATIONKEYAUTH -> digest (Part 3, 11.3 actions 7 and 8).
    func migrationDigest(_ key: Pubkey, _ scheme: MigrateScheme) throws(TPMResult) -> Digest {
        SHA1.hash(try key.encoded(), scheme.rawValue, tpmProof)
    }

    /// The migrationAuth of a certified migration key: it ties the key to its authorities (Part 3, 11.7 action 17).
    func migrationAuth(msaDigest: Digest, pubKeyDigest: Digest) throws(TPMResult) -> Secret {
        Secret(try ticket(CMKMigAuth(msaDigest: msaDigest, pubKeyDigest: pubKeyDigest)))
    }

    /// Whether one of the authorities signed what the ticket of TPM_CMK_CreateTicket is about (Part 3, 11.9 action 9
    /// and 11.10 action 11).
    func isSigned(_ data: Digest, byOneOf authorities: MSAComposite, ticket: Digest) throws(TPMResult) -> Bool {
        for authority in authorities.migAuthDigest
        where try isTicket(ticket, of: CMKSigTicket(verKeyDigest: authority, signedData: data)) {
            return true
        }
        return false
    }
}

extension MSAComposite {
    func digest() throws(TPMResult) -> Digest { SHA1.hash(try encoded()) }
}
