import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

/// TPM_Delegate_Manage (Part 3, 19.1; Part 1, 29.5).
@Suite struct DelegateManageTests {
    private func code(
        _ operation: FamilyOperation, _ family: UInt32 = 0, _ data: [UInt8], on tpm: OwnedTPM, _ sessions: Session...
    ) -> TPMResult? {
        let request = DelegateManage.Request(familyID: family, opCode: operation, opData: data)
        return tpm.result { _ = try tpm.client.execute(DelegateManage.self, request, sessions: sessions) }
    }

    @Test func theSharedChecksPass() throws {
        let tpm = OwnedTPM()
        let family = try tpm.newFamily()
        try check(
            DelegateManage.self, .init(familyID: family, opCode: .enable, opData: [1]), on: tpm, try tpm.ownerSession())
        try check(DelegateManage.self, .init(opCode: .create, opData: [1]), on: OwnedTPM(.endorsed))
    }

    @Test func aNewFamilyIsOffAndUnlockedAndHasItsNumber() throws {
        let tpm = OwnedTPM()
        #expect(try tpm.client.createFamily(label: 0x61, owner: tpm.ownerAuth) == 1)
        #expect(tpm.lastOutcome?.changesPermanentState == true)
        #expect(try tpm.client.createFamily(label: 0x62, owner: tpm.ownerAuth) == 2)
        #expect(
            tpm.delegationTables.families == [
                FamilyTableEntry(familyLabel: 0x61, familyID: 1, verificationCount: 1, flags: []),
                FamilyTableEntry(familyLabel: 0x62, familyID: 2, verificationCount: 1, flags: []),
            ])
    }

    @Test func flagsAreSetAndTakenAwayOneByOne() throws {
        let tpm = OwnedTPM()
        let family = try tpm.newFamily(enabled: false)
        let other = try tpm.newFamily(enabled: false)
        func flags() throws -> FamilyFlags { try tpm.delegationTables.family(family).flags }
        try tpm.client.setFamily(family, enabled: true, owner: tpm.ownerAuth)
        #expect(try flags() == .enabled)
        try tpm.client.setFamily(family, locked: true, owner: tpm.ownerAuth)
        #expect(try flags() == [.enabled, .delegateAdminLock])
        try tpm.client.setFamily(family, enabled: false, owner: tpm.ownerAuth)
        #expect(try flags() == .delegateAdminLock)
        try tpm.client.setFamily(family, locked: false, owner: tpm.ownerAuth)
        #expect(try flags() == [])
        #expect(try tpm.delegationTables.family(other).flags == [])
    }

    @Test func thereIsRoomForSixteenFamiliesAndNumbersAreNotUsedAgain() throws {
        let tpm = OwnedTPM()
        for number in 1...16 as ClosedRange<UInt32> { #expect(try tpm.newFamily(enabled: false) == number) }
        #expect(tpm.number(.familyRows) == 16)
        #expect(code(.create, 0, [1], on: tpm, try tpm.ownerSession()) == .noSpace)
        try tpm.client.invalidateFamily(3, owner: tpm.ownerAuth)
        #expect(try tpm.newFamily(enabled: false) == 17)
        #expect(tpm.delegationTables.families.map(\.familyID) == [1, 2] + Array(4...17))
    }

    /// "lastFamilyID could wrap" (Part 3, 19.1).
    @Test func numbersThatWrapPassOverThoseInUse() throws {
        var tables = try DelegationTables(
            families: [FamilyTableEntry(familyLabel: 0, familyID: 1, verificationCount: 1, flags: [])], rows: [],
            lastFamilyID: .max)
        #expect(try tables.createFamily(label: 5) == 2)
    }

    @Test func anInvalidFamilyIsGoneWithItsRowsAndItsBlobs() throws {
        let tpm = OwnedTPM()
        let (family, other) = (try tpm.newFamily(), try tpm.newFamily())
        let blob = try tpm.ownerDelegation(.ownerReadInternalPub, in: family)
        try tpm.client.load(blob, row: 0, owner: tpm.ownerAuth)
        try tpm.client.load(
            try tpm.ownerDelegation(.ownerReadInternalPub, in: other), row: 1, owner: tpm.ownerAuth)
        try tpm.client.invalidateFamily(family, owner: tpm.ownerAuth)
        #expect(tpm.delegationTables.families.map(\.familyID) == [other])
        #expect(tpm.result { _ = try tpm.dsap(blob) } == .badIndex)
        #expect(tpm.result { _ = try tpm.dsap(row: 0) } == .badIndex)
        #expect(tpm.readsInternalPub(try tpm.dsap(row: 1)) == .success)
        #expect(code(.enable, family, [1], on: tpm, try tpm.ownerSession()) == .badIndex)
    }

    @Test func operandsThatAreNoneAreRefusedAndChangeNothing() throws {
        let tpm = OwnedTPM()
        let family = try tpm.newFamily()
        let before = tpm.delegationTables
        func code(_ operation: FamilyOperation, _ family: UInt32, _ data: [UInt8]) throws -> TPMResult? {
            self.code(operation, family, data, on: tpm, try tpm.ownerSession())
        }
        #expect(try code(.create, 0, []) == .badParamSize)
        #expect(try code(.create, 0, [1, 2]) == .badParamSize)
        for operation in [FamilyOperation.enable, .admin] {
            #expect(try code(operation, family, []) == .badParamSize)
            #expect(try code(operation, family, [1, 0]) == .badParamSize)
            #expect(try code(operation, family, [2]) == .badParameter)
            #expect(try code(operation, 77, [1]) == .badIndex)
            #expect(try code(operation, 0, [1]) == .badIndex)
        }
        #expect(try code(.invalidate, 77, []) == .badIndex)
        var unknown = DelegateManage.Request(familyID: family, opCode: .enable, opData: [0])
        unknown.opCode = 5
        #expect(tpm.code(DelegateManage.self, unknown, try tpm.ownerSession()) == .badParameter)
        // The family comes first, and then the secret.
        #expect(tpm.code(DelegateManage.self, unknown, try tpm.srkSession()) == .authFail)
        unknown.familyID = 77
        #expect(tpm.code(DelegateManage.self, unknown, try tpm.ownerSession()) == .badIndex)
        #expect(tpm.delegationTables == before)
    }

    @Test func withAnOwnerOnlyTheOwnerManages() throws {
        let tpm = OwnedTPM()
        let family = try tpm.newFamily()
        #expect(code(.create, 0, [1], on: tpm) == .authFail)
        #expect(code(.enable, family, [0], on: tpm) == .authFail)
    }

    // MARK: Without an owner

    @Test func withoutAnOwnerAnybodyManagesUntilAFamilyIsLocked() throws {
        let tpm = OwnedTPM(.endorsed)
        #expect(code(.create, 0, [1], on: tpm, try tpm.ownerSession()) == .authFail)
        let family = try tpm.newFamily()
        try tpm.client.setFamily(family, locked: true)
        for (operation, data) in [(FamilyOperation.enable, [0]), (.admin, [0]), (.invalidate, [])] as [(_, [UInt8])] {
            #expect(code(operation, family, data, on: tpm) == .delegateLock)
        }
        // Others can still be made, as the specification's actions have it.
        #expect(code(.create, 0, [1], on: tpm) == .success)
        // The lock outlives power, and opens for the owner, who need not heed it.
        try tpm.restart()
        #expect(code(.admin, family, [0], on: tpm) == .delegateLock)
        try tpm.client.execute(TakeOwnership.self, try tpm.takeOwnership(), try tpm.ownerSession(continues: false))
        #expect(code(.enable, family, [0], on: tpm, try tpm.ownerSession()) == .success)
        #expect(code(.admin, family, [0], on: tpm, try tpm.ownerSession()) == .success)
    }

    @Test func withoutAnOwnerWritesAreCounted() throws {
        let tpm = OwnedTPM(.endorsed)
        let family = try tpm.newFamily()
        #expect(tpm.tpm.state.permanent.noOwnerNVWrite == 2)
        #expect(code(.enable, family, [7], on: tpm) == .badParameter)
        #expect(tpm.tpm.state.permanent.noOwnerNVWrite == 2)
        tpm.tpm.state.permanent.noOwnerNVWrite = UInt32(DataLimits.maxNVWriteNoOwner) - 1
        #expect(code(.enable, family, [0], on: tpm) == .success)
        #expect(code(.enable, family, [1], on: tpm) == .maxNVWrites)
        #expect(try tpm.delegationTables.family(family).flags == [])
    }

    @Test func theOwnersWritesAreNot() throws {
        let tpm = OwnedTPM()
        _ = try tpm.newFamily()
        #expect(tpm.tpm.state.permanent.noOwnerNVWrite == 0)
    }

    // MARK: By a delegate

    @Test func aDelegateManagesItsOwnFamilyAndMakesNewOnes() throws {
        for usesPointer in [false, true] {
            let tpm = OwnedTPM()
            let (family, other) = (try tpm.newFamily(), try tpm.newFamily())
            let blob = try tpm.ownerDelegation(.delegateManage, in: family)
            func session() throws -> Session {
                guard usesPointer else { return try tpm.dsap(blob) }
                try tpm.client.load(blob, row: 0, owner: tpm.ownerAuth)
                try tpm.client.setOwnerPointer(row: 0)
                return try tpm.client.oiap(OwnedTPM.delegateAuth)
            }
            #expect(code(.admin, other, [1], on: tpm, try session()) == .delegateFamily)
            try tpm.client.setOwnerPointer(row: nil)
            #expect(code(.admin, family, [1], on: tpm, try session()) == .success)
            // The ID that came with it does not matter when a family is made.
            #expect(code(.create, 77, [1], on: tpm, try session()) == .success)
            #expect(code(.enable, family, [0], on: tpm, try session()) == .success)
            #expect(tpm.result { _ = try tpm.dsap(blob) } == .disabledCmd)
        }
    }

    // MARK: What else it does

    @Test(arguments: FamilyOperation.allCases) func everyDelegatedSessionEnds(_ operation: FamilyOperation) throws {
        let tpm = OwnedTPM()
        let (family, other) = (try tpm.newFamily(), try tpm.newFamily())
        let key = try tpm.newKey(OwnedTPM.template(.signing))
        let keySession = try tpm.dsap(try tpm.keyDelegation(key, .all(.key), other), key)
        let blob = try tpm.ownerDelegation(.all(.owner), family)
        try tpm.client.load(blob, row: 0, owner: tpm.ownerAuth)
        let ownersOwn = try tpm.ownerOSAP()
        let kept = try tpm.client.osap(.keyHandle, key.rawValue, secret: OwnedTPM.keyAuth, continues: true)
        let rowSession = try tpm.dsap(row: 0)
        try tpm.client.setOwnerPointer(row: 0)
        let pointed = try tpm.client.osap(.owner, secret: OwnedTPM.delegateAuth, continues: true)
        let manager = try tpm.dsap(blob)
        let data: [UInt8] = operation == .invalidate ? [] : [1]
        #expect(code(operation, family, data, on: tpm, manager) == .success)
        #expect(!manager.isOpen)
        for session in [keySession, rowSession, pointed, manager] { #expect(!tpm.isOpen(session)) }
        for session in [ownersOwn, kept] { #expect(tpm.isOpen(session)) }
        #expect(tpm.tpm.state.clear.ownerReference == .owner)
    }
}
