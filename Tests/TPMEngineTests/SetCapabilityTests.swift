import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

/// Part 3, 7.2 against the restrictions of Part 2, 7.1.1 to 7.6.1.
@Suite struct SetCapabilityTests {
    private typealias Flag = WritableKeyPath<TPMState, Bool>

    private func request(_ area: SetCapabilityArea, _ subCap: UInt32, _ value: [UInt8]) -> SetCapability.Request {
        .init(capArea: area.rawValue, subCap: be32(subCap), setValue: value)
    }

    /// Sets a flag with or without the owner's authorization.
    private func set(
        _ tpm: OwnedTPM, _ area: SetCapabilityArea, _ subCap: UInt32, _ value: [UInt8], asOwner: Bool = false
    ) throws -> TPMResult? {
        if asOwner {
            tpm.code(SetCapability.self, request(area, subCap, value), try tpm.ownerSession(continues: false))
        } else {
            tpm.code(SetCapability.self, request(area, subCap, value))
        }
    }

    private func set(
        _ tpm: OwnedTPM, _ flag: PermanentFlag, _ value: Bool, asOwner: Bool = false
    ) throws -> TPMResult? {
        try set(tpm, .permFlags, flag.rawValue, [value ? 1 : 0], asOwner: asOwner)
    }

    @Test func bothFormsPassTheSharedChecks() throws {
        let tpm = OwnedTPM()
        let asOwner = request(.permFlags, PermanentFlag.disableFullDALogicInfo.rawValue, [1])
        // Without an owner there is nobody whose session it could be.
        try check(SetCapability.self, asOwner, on: tpm, try tpm.ownerSession(), except: [.noOwner])
        try check(
            SetCapability.self,
            request(.stClearData, STClearDataField.deferredPhysicalPresence.rawValue, be32(0)), on: tpm)
    }

    @Test func whatHasNoRowInTheTablesIsBadParameter() throws {
        let tpm = OwnedTPM()
        tpm.physicalPresence = true
        tpm.locality = .four
        let settable: [SetCapabilityArea: Set<UInt32>] = [
            .permFlags: [1, 2, 3, 4, 5, 6, 17, 18, 20], .permData: [23, 25], .stClearFlags: [2], .stClearData: [6],
            .stAnyFlags: [4],
        ]
        for area in SetCapabilityArea.allCases {
            for subCap in 0...30 as ClosedRange<UInt32> where settable[area]?.contains(subCap) != true {
                for value in [[], [1], be32(1)] as [[UInt8]] {
                    #expect(try set(tpm, area, subCap, value) == .badParameter, "\(area) \(subCap)")
                    #expect(try set(tpm, area, subCap, value, asOwner: true) == .badParameter, "\(area) \(subCap)")
                }
            }
        }
        for area in [0, 8, UInt32.max] {
            #expect(tpm.code(SetCapability.self, .init(capArea: area, subCap: be32(1), setValue: [1])) == .badParameter)
        }
        for subCap in [[], [0, 1], be32(1) + [0]] as [[UInt8]] {
            let request = SetCapability.Request(capArea: 1, subCap: subCap, setValue: [1])
            #expect(tpm.code(SetCapability.self, request) == .badParameter)
        }
    }

    @Test func aFlagTakesOneByteOfTrueOrFalse() throws {
        let tpm = OwnedTPM()
        let flag = PermanentFlag.readSRKPub.rawValue
        for value in [[], [2], [0xff], [0, 1], be32(1)] as [[UInt8]] {
            #expect(try set(tpm, .permFlags, flag, value, asOwner: true) == .badParameter, "\(value)")
        }
        #expect(!tpm.tpm.state.permanent.flags.readSRKPub)
    }

    // MARK: Permanent flags

    /// A flag that the owner sets, and what it may be set to.
    private typealias OwnersFlag = (
        PermanentFlag, WritableKeyPath<PermanentFlags, Bool> & Sendable, Set<Bool>, whenOff: Bool
    )

    private static let owners: [OwnersFlag] = [
        (.readPubek, \.readPubek, [true, false], false),
        (.disableOwnerClear, \.disableOwnerClear, [true], false),
        (.allowMaintenance, \.allowMaintenance, [false], false),
        (.readSRKPub, \.readSRKPub, [true, false], false),
        (.disableFullDALogicInfo, \.disableFullDALogicInfo, [true, false], true),
    ]

    @Test func theOwnersFlagsTakeTheValuesOfTheTable() throws {
        for (flag, path, values, _) in Self.owners {
            for value in [true, false] {
                let tpm = OwnedTPM()
                tpm.tpm.state.permanent.flags[keyPath: path] = !value
                let isAllowed = values.contains(value)
                #expect(
                    try set(tpm, flag, value, asOwner: true) == (isAllowed ? .success : .badParameter), "\(flag)")
                #expect(tpm.tpm.state.permanent.flags[keyPath: path] == (isAllowed ? value : !value), "\(flag)")
            }
        }
    }

    @Test func theOwnersFlagsNeedTheOwner() throws {
        for (flag, path, values, _) in Self.owners {
            let tpm = OwnedTPM()
            tpm.physicalPresence = true
            let value = try #require(values.first as Bool?)
            tpm.tpm.state.permanent.flags[keyPath: path] = !value
            #expect(try set(tpm, flag, value) == .authFail, "\(flag)")
            let wrong = try tpm.client.oiap(OwnedTPM.srkAuth)
            #expect(
                tpm.code(SetCapability.self, request(.permFlags, flag.rawValue, [value ? 1 : 0]), wrong) == .authFail)
            #expect(tpm.tpm.state.permanent.flags[keyPath: path] == !value)
        }
    }

    @Test func theOwnersFlagsAreOutOfReachWhenTheTableSaysSo() throws {
        for (flag, _, values, whenOff) in Self.owners {
            let value = try #require(values.first as Bool?)
            let disabled = OwnedTPM()
            disabled.tpm.state.permanent.flags.disable = true
            #expect(try set(disabled, flag, value, asOwner: true) == (whenOff ? .success : .disabled), "\(flag)")
            let deactivated = OwnedTPM()
            deactivated.tpm.state.clear.flags.deactivated = true
            #expect(try set(deactivated, flag, value, asOwner: true) == (whenOff ? .success : .deactivated), "\(flag)")
        }
    }

    @Test func theOwnerOrSomebodyPresentDisables() throws {
        for value in [true, false] {
            for (asOwner, isPresent) in [(true, false), (false, true), (true, true), (false, false)] {
                let tpm = OwnedTPM()
                tpm.physicalPresence = isPresent
                tpm.tpm.state.permanent.flags.disable = !value
                let isAllowed = asOwner || isPresent
                #expect(try set(tpm, .disable, value, asOwner: asOwner) == (isAllowed ? .success : .authFail))
                #expect(tpm.tpm.state.permanent.flags.disable == (isAllowed ? value : !value))
            }
        }
    }

    @Test func somebodyPresentAllowsAnOwnerWhileThereIsNone() throws {
        let tpm = OwnedTPM(.endorsed)
        #expect(try set(tpm, .ownership, false) == .authFail)
        tpm.physicalPresence = true
        #expect(try set(tpm, .ownership, false) == .success)
        #expect(!tpm.tpm.state.permanent.flags.ownership)
        #expect(try set(tpm, .ownership, true) == .success)
        #expect(tpm.tpm.state.permanent.flags.ownership)
        tpm.tpm.state.clear.flags.deactivated = true
        #expect(try set(tpm, .ownership, false) == .deactivated)
        tpm.tpm.state.permanent.flags.disable = true
        #expect(try set(tpm, .ownership, false) == .disabled)

        let owned = OwnedTPM()
        owned.physicalPresence = true
        #expect(try set(owned, .ownership, false) == .ownerSet)
        #expect(try set(owned, .ownership, false, asOwner: true) == .ownerSet)
        #expect(owned.tpm.state.permanent.flags.ownership)
    }

    @Test func somebodyPresentDeactivatesFromTheNextStartOn() throws {
        let tpm = OwnedTPM()
        #expect(try set(tpm, .deactivated, true) == .authFail)
        #expect(try set(tpm, .deactivated, true, asOwner: true) == .authFail)
        // The value's size comes first.
        #expect(try set(tpm, .permFlags, PermanentFlag.deactivated.rawValue, [0, 1]) == .badParameter)
        tpm.physicalPresence = true
        #expect(try set(tpm, .deactivated, true, asOwner: true) == .badTag)
        #expect(try set(tpm, .deactivated, true) == .success)
        #expect(tpm.tpm.state.permanent.flags.deactivated)
        #expect(!tpm.tpm.state.clear.flags.deactivated)
        // It works in a deactivated TPM, though not in a disabled one.
        tpm.tpm.state.clear.flags.deactivated = true
        #expect(try set(tpm, .deactivated, false) == .success)
        #expect(!tpm.tpm.state.permanent.flags.deactivated)
        tpm.tpm.state.permanent.flags.disable = true
        #expect(try set(tpm, .deactivated, true) == .disabled)
    }

    @Test func aDynamicLaunchForgetsThatThereWasOne() throws {
        let cases: [(SetCapabilityArea, UInt32, Flag)] = [
            (.permFlags, PermanentFlag.tpmEstablished.rawValue, \.permanent.flags.tpmEstablished),
            (.stAnyFlags, STAnyFlag.tosPresent.rawValue, \.any.tosPresent),
        ]
        for (area, subCap, path) in cases {
            for locality in Locality.allCases {
                let tpm = OwnedTPM()
                tpm.tpm.state[keyPath: path] = true
                tpm.locality = locality
                let isAllowed = locality == .three || locality == .four
                #expect(try set(tpm, area, subCap, [1]) == (isAllowed ? .badParameter : .badLocality))
                #expect(tpm.tpm.state[keyPath: path])
                #expect(try set(tpm, area, subCap, [0]) == (isAllowed ? .success : .badLocality))
                #expect(tpm.tpm.state[keyPath: path] == !isAllowed)
            }
        }
    }

    @Test func aTrustedSystemIsForgottenInAWorkingTPMOnly() throws {
        let tpm = OwnedTPM()
        tpm.locality = .three
        tpm.tpm.state.clear.flags.deactivated = true
        #expect(try set(tpm, .stAnyFlags, STAnyFlag.tosPresent.rawValue, [0]) == .deactivated)
        #expect(try set(tpm, .tpmEstablished, false) == .success)
        tpm.tpm.state.permanent.flags.disable = true
        #expect(try set(tpm, .stAnyFlags, STAnyFlag.tosPresent.rawValue, [0]) == .disabled)
        #expect(try set(tpm, .tpmEstablished, false) == .success)
    }

    // MARK: The other areas

    @Test func forceClearIsTurnedOffUntilTheNextStart() throws {
        let tpm = OwnedTPM(.endorsed)
        let flag = STClearFlag.disableForceClear.rawValue
        #expect(try set(tpm, .stClearFlags, flag, [0]) == .badParameter)
        tpm.tpm.state.clear.flags.deactivated = true
        #expect(try set(tpm, .stClearFlags, flag, [1]) == .deactivated)
        tpm.tpm.state.clear.flags.deactivated = false
        tpm.tpm.state.permanent.flags.disable = true
        #expect(try set(tpm, .stClearFlags, flag, [1]) == .disabled)
        tpm.tpm.state.permanent.flags.disable = false
        #expect(try set(tpm, .stClearFlags, flag, [1]) == .success)
        #expect(tpm.tpm.state.clear.flags.disableForceClear)
        tpm.physicalPresence = true
        #expect(tpm.code(ForceClear.self, .init()) == .clearDisabled)
    }

    @Test func theOwnerRestrictsDelegatedKeys() throws {
        let tpm = OwnedTPM()
        let field = PermanentDataField.restrictDelegate.rawValue
        #expect(try set(tpm, .permData, field, be32(0x8000_0000)) == .authFail)
        #expect(try set(tpm, .permData, field, be32(0xc000_0000), asOwner: true) == .success)
        #expect(tpm.tpm.state.permanent.restrictDelegate == [.signing, .storage])
        for value in [[], [1], be32(0x4000_0000) + [0], be32(1)] as [[UInt8]] {
            #expect(try set(tpm, .permData, field, value, asOwner: true) == .badParameter, "\(value)")
        }
        #expect(tpm.tpm.state.permanent.restrictDelegate == [.signing, .storage])
        tpm.tpm.state.clear.flags.deactivated = true
        #expect(try set(tpm, .permData, field, be32(0), asOwner: true) == .deactivated)
        tpm.tpm.state.permanent.flags.disable = true
        #expect(try set(tpm, .permData, field, be32(0), asOwner: true) == .disabled)
    }

    @Test func namingTheDAAProofMakesNewSecrets() throws {
        let tpm = OwnedTPM()
        let field = PermanentDataField.daaProof.rawValue
        let old = try #require(tpm.tpm.state.permanent.daa)
        #expect(try set(tpm, .permData, field, []) == .authFail)
        #expect(try set(tpm, .permData, field, [1], asOwner: true) == .badParameter)
        #expect(tpm.tpm.state.permanent.daa?.daaProof == old.daaProof)
        // It is not among what a TPM that is off refuses.
        tpm.tpm.state.permanent.flags.disable = true
        #expect(try set(tpm, .permData, field, [], asOwner: true) == .success)
        let new = try #require(tpm.tpm.state.permanent.daa)
        #expect(new.daaProof != old.daaProof)
        #expect(new.tpmDAASeed != old.tpmDAASeed)
        #expect(new.daaBlobKey != old.daaBlobKey)
    }

    @Test func deferredPresenceIsGivenInPresenceAndTakenAtAnyTime() throws {
        let tpm = OwnedTPM()
        let field = STClearDataField.deferredPhysicalPresence.rawValue
        #expect(try set(tpm, .stClearData, field, be32(1)) == .badPresence)
        #expect(try set(tpm, .stClearData, field, be32(0)) == .success)
        tpm.physicalPresence = true
        #expect(try set(tpm, .stClearData, field, be32(1)) == .success)
        tpm.physicalPresence = false
        #expect(tpm.tpm.state.clear.deferredPhysicalPresence == 1)
        // A bit that is set may stay.
        #expect(try set(tpm, .stClearData, field, be32(1)) == .success)
        #expect(try set(tpm, .stClearData, field, be32(3)) == .badPresence)
        #expect(try set(tpm, .stClearData, field, be32(0)) == .success)
        #expect(tpm.tpm.state.clear.deferredPhysicalPresence == 0)
        for value in [[], [0], be32(0) + [0]] as [[UInt8]] {
            #expect(try set(tpm, .stClearData, field, value) == .badParameter, "\(value)")
        }
    }
}

/// Part 3, 7.3.
@Suite struct GetCapabilityOwnerTests {
    @Test func theOwnerPassesTheSharedChecks() throws {
        let tpm = OwnedTPM()
        try check(GetCapabilityOwner.self, .init(), on: tpm, try tpm.ownerSession())
        try check(GetCapabilityOwner.self, .init(), on: tpm, try tpm.ownerOSAP(continues: false))
    }

    @Test func theFirstFlagIsTheLowestBit() throws {
        let tpm = OwnedTPM()
        func flags() throws -> GetCapabilityOwner.Response {
            try tpm.client.execute(GetCapabilityOwner.self, .init(), try tpm.ownerSession())
        }
        tpm.tpm.state.permanent.flags = PermanentFlags()
        #expect(
            try flags()
                == .init(version: TPMVersion.version, nonVolatileFlags: 0b100_0000_0010_1010, volatileFlags: 0))
        tpm.tpm.state.permanent.flags.disableFullDALogicInfo = true
        tpm.tpm.state.permanent.flags.ownership = false
        tpm.tpm.state.clear.flags.disableForceClear = true
        tpm.tpm.state.clear.flags.bGlobalLock = true
        #expect(try flags().nonVolatileFlags == 0b1000_0100_0000_0010_1000)
        #expect(try flags().volatileFlags == 0b10010)
    }
}
