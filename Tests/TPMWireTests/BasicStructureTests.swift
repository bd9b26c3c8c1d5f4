import TPMCrypto
import Testing

@testable import TPMWire

/// Part 2, 5 without migration, against bytes written out by hand.
@Suite struct BasicStructureTests {
    @Test func versions() throws {
        try expectStructure(StructVer(), is: "01010000")
        try expectStructure(Version(major: 1, minor: 2, revMajor: 3, revMinor: 4), is: "01020304")
        try expectCode(.badVersion, for: StructVer(), with: 2, at: 0)
        try expectCode(.badVersion, for: StructVer(), with: 2, at: 1)
    }

    @Test func theRevisionsOfAStructureStayAsTheyCame() throws {
        #expect(try WireDecoder.decode(StructVer.self, from: [1, 1, 7, 8]).encoded() == [1, 1, 7, 8])
        #expect(try StructVer().encoded() == [1, 1, 0, 0])
    }

    @Test func handles() throws {
        try expectStructure(KeyHandle.srk, is: "40000000")
        try expectStructure(KeyHandleList(handle: [.ek, KeyHandle(rawValue: 5)]), is: "0002 40000006 00000005")
        #expect(code(KeyHandleList.self, [0xff, 0xff]) == .badParamSize)
    }

    @Test func counterAndSignatureInfo() throws {
        try expectStructure(
            CounterValue(label: [1, 2, 3, 4], counter: 9), tag: .counterValue, is: "000e 01020304 00000009")
        try expectStructure(
            SignInfo(fixed: Array("SIGN".utf8), replay: Given.nonce, data: [1, 2]), tag: .signInfo,
            is: "0005 5349474e" + Given.nonceBytes + "00000002 0102")
    }

    @Test func others() throws {
        try expectStructure(
            ChangeAuthValidate(newAuthSecret: Given.auth, n1: Given.nonce), is: Given.authBytes + Given.nonceBytes)
        try expectStructure(SelectSize(major: 1, minor: 2, reqSize: 3), is: "01020003")
    }
}
