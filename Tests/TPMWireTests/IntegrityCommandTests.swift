import TPMCrypto
import Testing

@testable import TPMWire

/// The operands of Part 3, chapter 16, against bytes written out by hand.
@Suite struct IntegrityCommandTests {
    @Test func registers() throws {
        try expect(Extend.Request(pcrNum: 10, inDigest: Given.nonce), is: "0000000a" + Given.nonceBytes)
        try expect(Extend.Response(outDigest: Given.nonce), is: Given.nonceBytes)
        try expect(PcrRead.Request(pcrIndex: 0x17), is: "00000017")
        try expect(PCRReset.Request(pcrSelection: Given.selection), is: "0003 010400")
    }

    @Test func quoting() throws {
        let composite = PCRComposite(
            select: Given.selection, pcrValue: [Digest(repeating: 0xe1), Digest(repeating: 0xe2)])
        // The selection, the size of the values, the values.
        let compositeBytes = Given.selectionBytes + "00000028" + repeated("e1", 20) + repeated("e2", 20)
        try expect(
            Quote.Request(keyHandle: Given.handle, externalData: Given.nonce, targetPCR: Given.selection),
            handles: Given.handleBytes, is: Given.nonceBytes + Given.selectionBytes)
        try expect(Quote.Response(pcrData: composite, sig: [1, 2]), is: compositeBytes + "00000002 0102")
        try expect(
            Quote2.Request(
                keyHandle: Given.handle, externalData: Given.nonce, targetPCR: Given.selection, addVersion: true),
            handles: Given.handleBytes, is: Given.nonceBytes + Given.selectionBytes + "01")
        try expect(
            Quote2.Response(pcrData: Given.infoShort, versionInfo: [9], sig: [1]),
            is: Given.infoShortBytes + "00000001 09 00000001 01")
    }

    @Test func aQuestionForTheVersionThatIsNeitherTrueNorFalseIsBadParameter() throws {
        let request = Quote2.Request(
            keyHandle: .srk, externalData: Given.nonce, targetPCR: Given.selection, addVersion: true)
        try expectCode(.badParameter, for: request, with: 2, at: 25)
    }

    @Test func aSelectionOfMorePCRsThanThereAreIsInvalidPCRInfo() {
        #expect(code(PCRReset.Request.self, [0, 4, 1, 0, 0, 0]) == .invalidPCRInfo)
    }
}
