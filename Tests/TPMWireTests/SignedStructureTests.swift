import TPMCrypto
import Testing

@testable import TPMWire

/// Part 2, 11, against bytes written out by hand.
@Suite struct SignedStructureTests {
    private let one = Digest(repeating: 1)
    private let two = Digest(repeating: 2)
    private let ones = repeated("01", 20)
    private let twos = repeated("02", 20)

    @Test func quoteInfoIsVersionFixedDigestAndNonce() throws {
        let info = QuoteInfo(digestValue: one, externalData: two)
        try expectStructure(info, is: "01010000 51554f54" + ones + twos)
        try expectCode(.badVersion, for: info, with: 2, at: 0)
        try expectCode(.invalidStructure, for: info, with: 0, at: 4)
    }

    @Test func quoteInfo2() throws {
        let info = QuoteInfo2(externalData: one, infoShort: Given.infoShort)
        try expectStructure(info, tag: .quoteInfo2, is: "0036 51555432" + ones + Given.infoShortBytes)
        try expectCode(.invalidStructure, for: info, with: 0, at: 5)
    }

    @Test func certifyInfo() throws {
        var info = CertifyInfo()
        info.keyUsage = .identity
        info.keyFlags = [.migratable]
        info.algorithmParms = Given.parms
        info.pubkeyDigest = one
        info.data = two
        info.parentPCRStatus = true
        let head = "01010000 0012 00000002 01" + Given.parmsBytes + ones + twos + "01"
        try expectStructure(info, is: head + "00000000")
        info.pcrInfo = PCRInfo(pcrSelection: Given.selection, digestAtRelease: one, digestAtCreation: two)
        try expectStructure(info, is: head + "0000002d" + Given.selectionBytes + ones + twos)
        try expectCode(.badVersion, for: info, with: 2, at: 1)
        try expectCode(.invalidKeyUsage, for: info, with: 0, at: 5)
        try expectCode(.badParameter, for: info, with: 0x20, at: 9)
        try expectCode(.badParameter, for: info, with: 2, at: 10)
    }

    @Test func certifyInfo2() throws {
        var info = CertifyInfo2()
        info.payloadType = .migrateExternal
        info.keyUsage = .bind
        info.algorithmParms = Given.parms
        info.pubkeyDigest = one
        info.data = two
        info.pcrInfo = Given.infoShort
        info.migrationAuthority = [9, 8]
        try expectStructure(
            info, tag: .certifyInfo2,
            is: "0029 00 07 0014 00000000 01" + Given.parmsBytes + ones + twos + "00 0000001a" + Given.infoShortBytes
                + "00000002 0908")
        try expectCode(.invalidStructure, for: info, with: 1, at: 2)
        try expectCode(.invalidStructure, for: info, with: 9, at: 3)
    }
}
