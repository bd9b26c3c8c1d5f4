import TPMCrypto
import Testing

@testable import TPMWire

/// The operands of Part 3, chapter 5, against bytes written out by hand.
@Suite struct OptInCommandTests {
    @Test func optIn() throws {
        try expect(SetOwnerInstall.Request(state: true), is: "01")
        try expect(OwnerSetDisable.Request(disableState: true), is: "01")
        try expect(PhysicalSetDeactivated.Request(state: false), is: "00")
        try expect(SetOperatorAuth.Request(operatorAuth: Given.auth), is: Given.authBytes)
    }

    @Test func aStateThatIsNeitherTrueNorFalseIsBadParameter() {
        #expect(throws: TPMResult.badParameter) { try WireDecoder.decode(SetOwnerInstall.Request.self, from: [2]) }
        #expect(throws: TPMResult.badParameter) { try WireDecoder.decode(OwnerSetDisable.Request.self, from: [255]) }
    }
}
