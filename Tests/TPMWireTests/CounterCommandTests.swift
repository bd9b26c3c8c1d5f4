import TPMCrypto
import Testing

@testable import TPMWire

/// The operands of Part 3, chapter 25, against bytes written out by hand.
@Suite struct CounterCommandTests {
    @Test func counters() throws {
        let value = CounterValue(label: [0x61, 0x62, 0x63, 0x64], counter: 7)
        try expect(
            CreateCounter.Request(encAuth: Given.auth, label: [0x61, 0x62, 0x63, 0x64]),
            is: Given.authBytes + "61626364")
        try expect(
            CreateCounter.Response(countID: 0x0102_0304, counterValue: value),
            is: "01020304 000e 61626364 00000007")
        // The counter's number is a parameter: it enters the HMAC.
        try expect(IncrementCounter.Request(countID: 0x0102_0304), is: "01020304")
        try expect(ReadCounter.Response(count: value), is: "000e 61626364 00000007")
    }

    @Test func aLabelOfAnotherSizeIsNotSent() {
        var encoder = WireEncoder()
        var request = CreateCounter.Request(encAuth: Given.auth, label: [1, 2, 3])
        #expect(throws: TPMResult.self) { try request.code(&encoder) }
    }
}
