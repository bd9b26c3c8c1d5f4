import TPMCrypto
import Testing

@testable import TPMWire

/// Part 2, 5.12 and 5.15 to 5.21, against bytes written out by hand.
@Suite struct MigrationStructureTests {
    private let digest = Digest(repeating: 0xb2)
    private let digestBytes = repeated("b2", 20)

    @Test func migrationKeyAuth() throws {
        let auth = MigrationKeyAuth(migrationKey: Given.pubkey, migrationScheme: .rewrap, digest: digest)
        try expectStructure(auth, is: Given.pubkeyBytes + "0002" + digestBytes)
        // The scheme follows 24 bytes of parameters and 6 of the key.
        try expectCode(.badParameter, for: auth, with: 6, at: 31)
        try expectCode(.badParameter, for: auth, with: 0, at: 31)
    }

    @Test func migrationAuthorities() throws {
        try expectStructure(
            MSAComposite(migAuthDigest: [digest, Given.nonce]), is: "00000002" + digestBytes + Given.nonceBytes)
        #expect(code(MSAComposite.self, [0, 0, 0, 0]) == .invalidStructure)
        #expect(code(MSAComposite.self, [0xff, 0xff, 0xff, 0xff]) == .badParamSize)
    }

    @Test func certifiedMigration() throws {
        try expectStructure(
            CMKAuth(migrationAuthorityDigest: digest, destinationKeyDigest: Given.nonce, sourceKeyDigest: digest),
            is: digestBytes + Given.nonceBytes + digestBytes)
        try expectStructure(
            CMKMigAuth(msaDigest: digest, pubKeyDigest: Given.nonce), tag: .cmkMigAuth,
            is: "0033" + digestBytes + Given.nonceBytes)
        try expectStructure(
            CMKSigTicket(verKeyDigest: digest, signedData: Given.nonce), tag: .cmkSigTicket,
            is: "0034" + digestBytes + Given.nonceBytes)
        try expectStructure(
            CMKMAApproval(migrationAuthorityDigest: digest), tag: .cmkMAApproval, is: "0035" + digestBytes)
    }
}
