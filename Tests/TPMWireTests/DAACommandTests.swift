import Testing

@testable import TPMWire

/// The operands of Part 3, chapter 26, against bytes written out by hand.
@Suite struct DAACommandTests {
    @Test func aStageOfAJoin() throws {
        try expect(
            DAAJoin.Request(handle: 0x0102_0304, stage: 4, inputData0: [1, 2], inputData1: [3]), handles: "01020304",
            is: "04 00000002 0102 00000001 03")
        try expect(
            DAAJoin.Request(handle: 0, stage: 24), handles: "00000000", is: "18 00000000 00000000")
        try expect(DAAJoin.Response(outputData: [7, 8]), is: "00000002 0708")
    }

    @Test func aStageOfASignHasTheSameForm() {
        #expect(DAASign.Request.self == DAAJoin.Request.self)
        #expect(DAASign.Response.self == DAAJoin.Response.self)
    }
}
