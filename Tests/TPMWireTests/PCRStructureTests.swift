import TPMCrypto
import Testing

@testable import TPMWire

/// Part 2, 8, against bytes written out by hand.
@Suite struct PCRStructureTests {
    private let digestA = Digest(repeating: 0xa1)
    private let digestB = Digest(repeating: 0xb2)
    private let digestsAB = repeated("a1", 20) + repeated("b2", 20)
    private let selection = PCRSelection(indices: [0, 7, 10, 23])

    private var info: PCRInfo {
        PCRInfo(pcrSelection: selection, digestAtRelease: digestA, digestAtCreation: digestB)
    }
    private var long: PCRInfoLong {
        PCRInfoLong(
            localityAtCreation: .one, localityAtRelease: [.zero, .two], creationPCRSelection: selection,
            releasePCRSelection: PCRSelection(indices: [1], sizeOfSelect: 2), digestAtCreation: digestA,
            digestAtRelease: digestB)
    }

    @Test func theFirstPCRIsTheLowestBitOfTheFirstByte() throws {
        try expectStructure(selection, is: "0003 810480")
        try expectStructure(PCRSelection(indices: [8], sizeOfSelect: 2), is: "0002 0001")
        #expect(selection.indices == [0, 7, 10, 23])
        #expect(code(PCRSelection.self, [0, 0]) == .invalidPCRInfo)
        #expect(code(PCRSelection.self, [0, 4, 0, 0, 0, 0]) == .invalidPCRInfo)
    }

    @Test func infos() throws {
        try expectStructure(info, is: "0003 810480" + digestsAB)
        try expectStructure(long, tag: .pcrInfoLong, is: "0006 02 05 0003 810480 0002 0200" + digestsAB)
        try expectStructure(PCRInfoShort(long), is: "0002 0200 05" + repeated("b2", 20))
        try expectCode(.invalidPCRInfo, for: long, with: 0x20, at: 2)
        try expectCode(.invalidPCRInfo, for: long, with: 0x20, at: 3)
        try expectCode(.invalidPCRInfo, for: long, with: 0, at: 3)
        try expectCode(.invalidPCRInfo, for: PCRInfoShort(long), with: 0, at: 4)
        try expectCode(.invalidPCRInfo, for: PCRInfoShort(long), with: 0x25, at: 4)
    }

    @Test func compositeHasAValueForEachSelectedPCR() throws {
        let composite = PCRComposite(
            select: PCRSelection(indices: [0, 10], sizeOfSelect: 2), pcrValue: [digestA, digestB])
        try expectStructure(composite, is: "0002 0104 00000028" + digestsAB)
        try expectCode(.invalidPCRInfo, for: composite, with: 0x14, at: 7)
        try expectCode(.invalidPCRInfo, for: composite, with: 0x03, at: 2)
    }

    @Test func attributes() throws {
        let attributes = PCRAttributes(pcrReset: true, pcrExtendLocal: .two, pcrResetLocal: .all)
        try expectStructure(attributes, is: "01 04 1f")
        try expectCode(.badParameter, for: attributes, with: 2, at: 0)
        try expectCode(.invalidPCRInfo, for: attributes, with: 0x20, at: 1)
    }

    @Test func mappings() {
        #expect(PCRInfo(PCRInfoLong(info)) == info)
        #expect(PCRInfo(long).digestAtCreation.isZero)
        #expect(PCRInfoShort(info).localityAtRelease == .all)
        #expect(PCRInfoLong(PCRInfoShort(long)).creationPCRSelection == PCRSelection(sizeOfSelect: 2, bits: 0))
    }
}
