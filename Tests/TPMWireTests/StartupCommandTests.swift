import Testing

@testable import TPMWire

/// The operands of Part 3, chapters 3 and 4, against bytes written out by hand.
@Suite struct StartupCommandTests {
    @Test func startup() throws {
        try expect(Startup.Request(.state), is: "0002")
        try expect(GetTestResult.Response(outData: [1, 2]), is: "00000002 0102")
    }

    @Test(arguments: [0, 4, 0x100] as [UInt16]) func anUnknownStartupTypeIsBadParameter(_ type: UInt16) {
        #expect(code(Startup.Request.self, [UInt8(type >> 8), UInt8(type & 0xff)]) == .badParameter)
    }
}
