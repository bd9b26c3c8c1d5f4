import TPMCrypto
import Testing

@testable import TPMWire

/// The operands of Part 3, chapter 14, against bytes written out by hand.
@Suite struct EndorsementKeyCommandTests {
    @Test func endorsementKey() throws {
        let checksum = Digest(repeating: 0xc4)
        let checksumBytes = String(repeating: "c4", count: 20)
        try expect(
            CreateEndorsementKeyPair.Request(antiReplay: Given.nonce, keyInfo: Given.parms),
            is: Given.nonceBytes + Given.parmsBytes)
        try expect(
            CreateEndorsementKeyPair.Response(pubEndorsementKey: Given.pubkey, checksum: checksum),
            is: Given.pubkeyBytes + checksumBytes)
        try expect(
            CreateRevocableEK.Request(
                antiReplay: Given.nonce, keyInfo: Given.parms, generateReset: true, inputEKreset: Given.auth),
            is: Given.nonceBytes + Given.parmsBytes + "01" + Given.authBytes)
        try expect(
            CreateRevocableEK.Response(pubEndorsementKey: Given.pubkey, checksum: checksum, outputEKreset: Given.auth),
            is: Given.pubkeyBytes + checksumBytes + Given.authBytes)
        try expect(RevokeTrust.Request(ekReset: Given.auth), is: Given.authBytes)
        try expect(ReadPubek.Request(antiReplay: Given.nonce), is: Given.nonceBytes)
        try expect(
            ReadPubek.Response(pubEndorsementKey: Given.pubkey, checksum: checksum),
            is: Given.pubkeyBytes + checksumBytes)
        // This Given.handle enters the HMAC, so it is a parameter.
        try expect(OwnerReadInternalPub.Request(keyHandle: .ek), is: "40000006")
        try expect(OwnerReadInternalPub.Response(publicPortion: Given.pubkey), is: Given.pubkeyBytes)
    }
}
