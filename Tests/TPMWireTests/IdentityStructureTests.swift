import TPMCrypto
import Testing

@testable import TPMWire

/// Part 2, 12, against bytes written out by hand.
@Suite struct IdentityStructureTests {
    private let key = SymmetricKey(algId: .aes128, encScheme: .symCTR, data: Secret([1, 2, 3]))
    private let keyBytes = "00000006 0004 0003 010203"
    private let digest = Digest(repeating: 0xd7)
    private let digestBytes = repeated("d7", 20)

    @Test func endorsementKeyBlobs() throws {
        try expectStructure(EKBlob(ekType: .auth, blob: Secret([7, 8])), tag: .ekBlob, is: "000c 0002 00000002 0708")
        try expectStructure(
            EKBlobActivate(sessionKey: key, idDigest: digest, pcrInfo: Given.infoShort), tag: .ekBlobActivate,
            is: "002b" + keyBytes + digestBytes + Given.infoShortBytes)
        try expectStructure(EKBlobAuth(authValue: Given.auth), tag: .ekBlobAuth, is: "000d" + Given.authBytes)
        try expectStructure(AsymCAContents(sessionKey: key, idDigest: digest), is: keyBytes + digestBytes)
    }

    @Test func anUnknownBlobTypeIsBadType() throws {
        try expectCode(.badType, for: EKBlob(), with: 0, at: 3)
        try expectCode(.badType, for: EKBlob(), with: 3, at: 3)
    }

    @Test func identityContents() throws {
        let contents = IdentityContents(labelPrivCADigest: digest, identityPubKey: Given.pubkey)
        try expectStructure(contents, is: "01010000 00000079" + digestBytes + Given.pubkeyBytes)
        try expectCode(.badVersion, for: contents, with: 2, at: 1)
        try expectCode(.invalidStructure, for: contents, with: 0x7a, at: 7)
        try expectCode(.badKeyProperty, for: contents, with: 2, at: 31)
    }

    @Test func theChosenHashIsOfTheLabelAndThePrivacyCA() throws {
        let hash = try IdentityContents.chosenIDHash(identityLabel: Array("me".utf8), privacyCA: Given.pubkey)
        #expect(hash == SHA1.hash(try hex("6d65" + Given.pubkeyBytes)))
    }

    @Test func credentialRequestKeepsItsSizesAheadOfEverything() throws {
        try expectStructure(
            IdentityReq(asymAlgorithm: Given.parms, symAlgorithm: Given.parms, asymBlob: [1, 2], symBlob: [3]),
            is: "00000002 00000001" + Given.parmsBytes + Given.parmsBytes + "0102 03")
        var proof = IdentityProof()
        proof.identityKey = Given.pubkey
        proof.labelArea = [1]
        proof.identityBinding = [2, 2]
        proof.endorsementCredential = [3, 3, 3]
        proof.conformanceCredential = [5]
        try expectStructure(
            proof,
            is: "01010000 00000001 00000002 00000003 00000000 00000001" + Given.pubkeyBytes + "01 0202 030303 05")
        try expectStructure(
            SymCAAttestation(algorithm: Given.parms, credential: [9, 8]), is: "00000002" + Given.parmsBytes + "0908")
    }
}
