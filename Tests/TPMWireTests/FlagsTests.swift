import Testing

@testable import TPMWire

@Suite struct FlagsTests {
    @Test func theDefinedBitsAreThoseOfTheSpecification() {
        #expect(StartupEffects.defined.rawValue == 0x1ef)
        #expect(PhysicalPresence.defined.rawValue == 0x3fc)
        #expect(LocalitySelection.defined == .all)
        #expect(KeyFlags.defined.rawValue == 0x1f)
        #expect(KeyControl.defined.rawValue == 1)
        #expect(CMKDelegate.defined.rawValue == 0xf800_0000)
        #expect(NVPermissions.defined.rawValue == 0x8007_f007)
        #expect(TransportAttributes.defined.rawValue == 7)
        #expect(DAActions.defined.rawValue == 0x0f)
        #expect(FamilyFlags.defined.rawValue == 3)
        #expect(DeferredPhysicalPresence.defined.rawValue == 1)
    }

    @Test func theNamesOfTheBitsThatAreSetAreJoined() {
        #expect(WireName.of([.migratable, .isVolatile] as KeyFlags) == "migratable+isVolatile")
        #expect(WireName.of(KeyFlags()) == nil)
    }

    /// Sizes that Part 2, 7.1 to 7.3 add up to: a tag and a byte a flag, the modifier four.
    @Test func theFlagsOfTheTPMAreAByteEach() throws {
        #expect(try PermanentFlags().encoded().count == 22)
        #expect(code(PermanentFlags.self, [0, 0x1f] + [UInt8](repeating: 1, count: 20)) == nil)
        #expect(code(PermanentFlags.self, [0, 0x1f, 2] + [UInt8](repeating: 1, count: 19)) == .badParameter)
        var clear = STClearFlags()
        clear.physicalPresence = true
        try expectStructure(clear, tag: .stClearFlags, is: "0020 00 00 01 00 00")
        var any = STAnyFlags()
        any.localityModifier = 4
        any.tosPresent = true
        try expectStructure(any, tag: .stAnyFlags, is: "0021 00 00000004 00 01")
    }
}
