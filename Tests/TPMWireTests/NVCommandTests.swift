import TPMCrypto
import Testing

@testable import TPMWire

/// The operands of Part 3, chapter 20, and the structures of Part 2, 19, against bytes written out by hand.
@Suite struct NVCommandTests {
    private var info: NVDataPublic {
        var info = NVDataPublic()
        info.nvIndex = 0x0001_1234
        info.pcrInfoRead = Given.infoShort
        info.pcrInfoWrite = Given.infoShort
        info.permission = NVAttributes(attributes: [.readSTClear, .authRead, .ppWrite])
        info.bWriteDefine = true
        info.dataSize = 3
        return info
    }
    /// Tag, index, two PCR infos, the permission with its tag, three flags, the size.
    private var infoBytes: String {
        "0018 00011234" + Given.infoShortBytes + Given.infoShortBytes + "0017 80040001 00 00 01 00000003"
    }

    @Test func structures() throws {
        try expectStructure(NVAttributes(attributes: .defined), tag: .nvAttributes, is: "0017 8007f007")
        try expectStructure(info, tag: .nvDataPublic, is: infoBytes)
        try expectStructure(
            NVDataSensitive(pubInfo: info, authValue: Given.auth, data: [7, 8, 9]), tag: .nvDataSensitive,
            is: "0019" + infoBytes + Given.authBytes + "070809")
    }

    @Test func anAreaOfAnotherSizeThanItsDataIsNotWritten() {
        let area = NVDataSensitive(pubInfo: info, authValue: Given.auth, data: [7, 8])
        #expect(throws: TPMResult.size) { try area.encoded() }
    }

    @Test func aBadFieldOfAnAreaHasItsCode() throws {
        // No locality at release, where other structures answer TPM_INVALID_PCR_INFO.
        try expectCode(.invalidStructure, for: info, with: 0, at: 11)
        try expectCode(.badParameter, for: info, with: 2, at: 64)
        try expectCode(.invalidStructure, for: info, with: 0x18, at: 59)
    }

    @Test func defining() throws {
        try expect(NVDefineSpace.Request(pubInfo: info, encAuth: Given.auth), is: infoBytes + Given.authBytes)
    }

    @Test func writingAndReading() throws {
        try expect(
            NVWriteValue.Request(nvIndex: 0x1000_0001, offset: 2, data: [1, 2]),
            is: "10000001 00000002 00000002 0102")
        try expect(
            NVReadValue.Request(nvIndex: 0x1000_0001, offset: 2, dataSize: 20), is: "10000001 00000002 00000014")
        try expect(NVReadValue.Response(data: [5]), is: "00000001 05")
        #expect(NVWriteValueAuth.Request.self == NVWriteValue.Request.self)
        #expect(NVReadValueAuth.Response.self == NVReadValue.Response.self)
    }

    @Test func indices() {
        #expect(NVIndex.dir & NVIndex.definedBit != 0)
        #expect(NVIndex.purview(of: 0x5002_0001) == 2)
        #expect(NVIndex.pc.contains(NVIndex.gpio.lowerBound) && NVIndex.tpm.contains(NVIndex.trial))
        #expect(NVIndex.groupReserved.contains(NVIndex.tss.upperBound) && !NVIndex.groupReserved.contains(NVIndex.dir))
    }
}
