import TPMCrypto
import Testing

@testable import TPMWire

/// The operands of Part 3, chapter 7, against bytes written out by hand.
@Suite struct CapabilityCommandTests {
    @Test func capability() throws {
        try expect(
            GetCapability.Request(capArea: 0xfedc_ba98, subCap: [0, 0, 1, 3]), is: "fedcba98 00000004 00000103")
        try expect(GetCapability.Request(capArea: 6), is: "00000006 00000000")
        try expect(GetCapability.Response(resp: [7, 8]), is: "00000002 0708")
        try expect(
            SetCapability.Request(capArea: 1, subCap: [2, 3], setValue: [4]),
            is: "00000001 00000002 0203 00000001 04")
        try expect(
            GetCapabilityOwner.Response(
                version: Version(major: 1, minor: 2, revMajor: 3, revMinor: 4), nonVolatileFlags: 0x0a0b_0c0d,
                volatileFlags: 0x1a1b_1c1d),
            is: "01020304 0a0b0c0d 1a1b1c1d")
    }
}
