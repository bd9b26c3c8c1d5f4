import TPMCrypto
import Testing

@testable import TPMWire

/// The operands of Part 3, chapter 13, against bytes written out by hand.
@Suite struct CryptographicCommandTests {
    private let digest = Digest(repeating: 0xc4)
    private let digestBytes = repeated("c4", 20)

    @Test func hashing() throws {
        try expect(SHA1Start.Response(maxNumBytes: 0x800), is: "00000800")
        try expect(SHA1Update.Request(hashData: [1, 2]), is: "00000002 0102")
        try expect(SHA1Complete.Request(hashData: [3]), is: "00000001 03")
        try expect(SHA1Complete.Response(hashValue: digest), is: digestBytes)
        try expect(SHA1CompleteExtend.Request(pcrNum: 23, hashData: [4]), is: "00000017 00000001 04")
        try expect(
            SHA1CompleteExtend.Response(hashValue: digest, outDigest: Given.nonce), is: digestBytes + Given.nonceBytes)
    }

    @Test func randomNumbers() throws {
        try expect(GetRandom.Request(bytesRequested: 0x20), is: "00000020")
        try expect(GetRandom.Response(randomBytes: Secret([7, 8, 9])), is: "00000003 070809")
        try expect(StirRandom.Request(inData: [1]), is: "00000001 01")
    }

    @Test func signing() throws {
        try expect(
            Sign.Request(keyHandle: Given.handle, areaToSign: [1, 2, 3]), handles: Given.handleBytes,
            is: "00000003 010203")
        try expect(Sign.Response(sig: [0xaa]), is: "00000001 aa")
    }

    @Test func certifying() throws {
        let other = KeyHandle(rawValue: 0x0a0b_0c0d)
        // The key that signs stands first in one command and second in the other.
        try expect(
            CertifyKey.Request(certHandle: Given.handle, keyHandle: other, antiReplay: Given.nonce),
            handles: "01020304 0a0b0c0d", is: Given.nonceBytes)
        try expect(
            CertifyKey2.Request(
                keyHandle: other, certHandle: Given.handle, migrationPubDigest: digest, antiReplay: Given.nonce),
            handles: "0a0b0c0d 01020304", is: digestBytes + Given.nonceBytes)
    }

    @Test func whatIsCertifiedIsToldApartByItsFirstTwoBytes() throws {
        var info = CertifyInfo()
        info.algorithmParms = Given.parms
        info.pubkeyDigest = digest
        info.data = Given.nonce
        // Usage, flags, authorization, parameters, two digests, no parent with PCRs, no PCR info.
        let common = "0010 00000000 01" + Given.parmsBytes + digestBytes + Given.nonceBytes + "00 00000000"
        try expect(
            CertifyKey.Response(certifyInfo: .info(info), outData: [0xaa]), is: "01010000" + common + "00000001 aa")

        var info2 = CertifyInfo2()
        info2.algorithmParms = Given.parms
        info2.pubkeyDigest = digest
        info2.data = Given.nonce
        let bytes = "0029 00 01" + common + "00000000 00000001 aa"
        try expect(CertifyKey.Response(certifyInfo: .info2(info2), outData: [0xaa]), is: bytes)
        try expect(CertifyKey2.Response(certifyInfo: info2, outData: [0xaa]), is: bytes)
    }
}
