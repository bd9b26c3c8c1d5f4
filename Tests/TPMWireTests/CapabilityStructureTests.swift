import TPMCrypto
import Testing

@testable import TPMWire

/// Part 2, 21, against bytes written out by hand, and the numbers of capabilities and of what can be set.
@Suite struct CapabilityStructureTests {
    private let action = DAActionType(actions: [.timeout, .failureMode])

    @Test func versionInfo() throws {
        try expectStructure(
            CapVersionInfo(
                version: Version(major: 1, minor: 2, revMajor: 3, revMinor: 4), specLevel: 2, errataRev: 3,
                tpmVendorID: Array("VTPM".utf8), vendorSpecific: [9]),
            tag: .capVersionInfo, is: "0030 01020304 0002 03 5654504d 0001 09")
    }

    @Test func defenceAgainstDictionaryAttacks() throws {
        try expectStructure(action, tag: .daActionType, is: "0039 00000009")
        let info = DAInfo(
            state: .active, currentCount: 5, thresholdCount: 6, actionAtThreshold: action, actionDependValue: 7,
            vendorData: [8])
        try expectStructure(
            info, tag: .daInfo, is: "0037 01 0005 0006 0039 00000009 00000007 00000001 08")
        let limited = DAInfoLimited(state: .inactive, actionAtThreshold: action)
        try expectStructure(limited, tag: .daInfoLimited, is: "0038 00 0039 00000009 00000000")
        try expectCode(.badParameter, for: info, with: 2, at: 2)
        try expectCode(.badParameter, for: limited, with: 2, at: 2)
        try expectCode(.badParameter, for: action, with: 0x10, at: 5)
    }

    @Test func areasAndPropertiesHaveTheirNumbers() {
        #expect(
            CapabilityArea.allCases.map(\.rawValue) == Array(1...9) + [0xc, 0xd, 0x10, 0x11, 0x12, 0x14, 0x15]
                + Array(0x17...0x1a))
        #expect(
            CapabilityProperty.allCases.map(\.rawValue) == Array(0x101...0x104) + [0x107]
                + Array(0x10a...0x117) + Array(0x119...0x120) + [0x122, 0x123, 0x124])
        #expect(CapabilityFlags.permanent.rawValue == 0x108 && CapabilityFlags.volatile.rawValue == 0x109)
        #expect(SetCapabilityArea.allCases.map(\.rawValue) == Array(1...7))
    }

    @Test func whatCanBeSetHasItsNumber() {
        #expect(PermanentDataField.allCases.map(\.rawValue) == Array(1...19) + Array(21...25))
        #expect(PermanentDataField.ekReset.rawValue == 19 && PermanentDataField.restrictDelegate.rawValue == 23)
        #expect(PermanentDataField.pcrAttrib.rawValue == 13 && PermanentDataField.daaProof.rawValue == 25)
        #expect(STClearDataField.deferredPhysicalPresence.rawValue == 6)
        #expect(STAnyDataField.sessions.rawValue == 6)
        #expect(PermanentFlag.disableFullDALogicInfo.rawValue == 20 && STClearFlag.bGlobalLock.rawValue == 5)
        #expect(STAnyFlag.tosPresent.rawValue == 4)
    }
}
