import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

/// Part 3, 20.1 and the index space of Part 2, 19.1.
@Suite struct NVDefineSpaceTests {
    private let index = OwnedTPM.index
    private let other: UInt32 = OwnedTPM.index + 1

    private func area(
        _ attributes: NVPermissions = [.ownerWrite], index: UInt32 = OwnedTPM.index, size: UInt32 = 4
    ) -> NVDataPublic {
        .area(index, attributes, size: size)
    }

    /// A TPM without an owner, its areas protected, with somebody present.
    private func unowned() -> OwnedTPM {
        let tpm = OwnedTPM.withProtectedNV(.endorsed)
        tpm.physicalPresence = true
        return tpm
    }

    // MARK: With the owner

    @Test func bothFormsPassTheSharedChecks() throws {
        let tpm = OwnedTPM.withProtectedNV()
        let session = try tpm.ownerOSAP(continues: false)
        // Without an owner there is nobody whose session it could be.
        try check(
            NVDefineSpace.self, .init(pubInfo: area(), encAuth: try session.hide(OwnedTPM.nvAuth)), on: tpm, session,
            except: [.noOwner])
        try check(NVDefineSpace.self, .init(pubInfo: area(), encAuth: OwnedTPM.nvAuth), on: unowned())
    }

    @Test func aNewAreaIsAllOnesAndHasTheSecretThatCameEncrypted() throws {
        for scheme in [ADIPScheme.xor, .aes128CTR] {
            let tpm = OwnedTPM.withProtectedNV()
            let session = try tpm.ownerOSAP(scheme)
            let info = area([.authRead, .authWrite])
            _ = try tpm.client.execute(
                NVDefineSpace.self, .init(pubInfo: info, encAuth: try session.hide(OwnedTPM.nvAuth)), session)
            #expect(tpm.readAuth(4) == .success([0xff, 0xff, 0xff, 0xff]))
            // 13. The session ends, whatever the caller asked for.
            #expect(!session.isOpen)
            #expect(tpm.tpm.state.any.sessions[session.handle] == nil)
        }
    }

    @Test func anOIAPSessionCannotHideASecret() throws {
        let tpm = OwnedTPM.withProtectedNV()
        let request = NVDefineSpace.Request(pubInfo: area(), encAuth: OwnedTPM.nvAuth)
        #expect(tpm.code(NVDefineSpace.self, request, try tpm.ownerSession()) == .authFail)
        #expect(tpm.contents() == nil)
    }

    @Test func theLocksOfADefinitionAreIgnored() throws {
        let tpm = OwnedTPM.withProtectedNV()
        var info = area()
        (info.bReadSTClear, info.bWriteSTClear, info.bWriteDefine) = (true, true, true)
        try tpm.define(info)
        #expect(tpm.tpm.state.permanent.nv.areas[index]?.pubInfo == area())
        #expect(tpm.tpm.state.clear.nvLocks.isEmpty)
    }

    @Test func aRedefinitionLeavesNothingOfTheOldArea() throws {
        let tpm = OwnedTPM.withProtectedNV()
        try tpm.define(area([.authWrite, .authRead]))
        #expect(tpm.writeAuth([1, 2, 3, 4]) == .success)
        let bound = try tpm.client.osap(.nv, index, secret: OwnedTPM.nvAuth)
        try tpm.define(area([.authWrite, .authRead], size: 6))
        #expect(tpm.readAuth(6) == .success([UInt8](repeating: 0xff, count: 6)))
        // 6.f.
        #expect(tpm.tpm.state.any.sessions[bound.handle] == nil)
    }

    @Test func aSizeOfZeroDeletes() throws {
        let tpm = OwnedTPM.withProtectedNV()
        #expect(tpm.codeOfDefining(area(size: 0)) == .badParamSize)
        try tpm.define(area([.authWrite]))
        let bound = try tpm.client.osap(.nv, index, secret: OwnedTPM.nvAuth)
        // Attributes that could not be defined do not matter.
        try tpm.define(area([], size: 0))
        #expect(tpm.contents() == nil)
        #expect(tpm.tpm.state.any.sessions[bound.handle] == nil)
        #expect(tpm.codeOfDefining(area(size: 0)) == .badParamSize)
    }

    @Test func aLockedAreaIsNeitherRedefinedNorDeleted() throws {
        let tpm = OwnedTPM.withProtectedNV()
        try tpm.define(area([.ppWrite, .globalLock]))
        try tpm.define(area([.ppWrite, .writeSTClear], index: other))
        tpm.physicalPresence = true
        #expect(tpm.write([]) == .success)
        // Locked by itself, but not made to be locked.
        try tpm.define(area([.ppWrite, .globalLock]))
        #expect(tpm.write([], to: 0) == .success)
        #expect(tpm.write([], to: other) == .success)
        for size in [0, 8] as [UInt32] {
            #expect(tpm.codeOfDefining(area([.ppWrite], size: size)) == .areaLocked)
            #expect(tpm.codeOfDefining(area([.ppWrite], index: other, size: size)) == .areaLocked)
        }
        #expect(tpm.contents()?.count == 4)
        try tpm.restart()
        try tpm.define(area([.ppWrite], size: 8))
        try tpm.define(area([.ppWrite], index: other, size: 0))
    }

    @Test func aRedefinitionThatFailsLeavesTheOldArea() throws {
        let tpm = OwnedTPM.withProtectedNV()
        try tpm.define(area([.authWrite, .authRead]))
        #expect(tpm.writeAuth([1, 2, 3, 4]) == .success)
        #expect(tpm.codeOfDefining(area([], size: 8)) == .perNoWrite)
        #expect(tpm.codeOfDefining(area(size: 40_000)) == .noSpace)
        #expect(tpm.readAuth(4) == .success([1, 2, 3, 4]))
    }

    @Test func theLocksOfAnAreaThatWentWithItsOwnerDoNotReturn() throws {
        let tpm = OwnedTPM.withProtectedNV()
        try tpm.define(area([.ownerWrite, .writeSTClear, .readSTClear]))
        #expect(tpm.write([], at: 0, try tpm.ownerSession()) == .success)
        #expect(tpm.read(0) == .success([]))
        #expect(tpm.code(OwnerClear.self, .init(), try tpm.ownerSession()) == .success)
        #expect(tpm.contents() == nil)
        tpm.turnOn()
        tpm.physicalPresence = true
        #expect(tpm.codeOfDefiningUnauthorized(area([.ppWrite, .writeSTClear, .readSTClear])) == .success)
        #expect(tpm.write([1]) == .success)
        #expect(tpm.read(1) == .success([1]))
    }

    // MARK: Without the owner

    @Test func withoutAuthorizationSomebodyHasToBePresentAndNoOwnerSet() throws {
        let tpm = OwnedTPM.withProtectedNV()
        #expect(tpm.codeOfDefiningUnauthorized(area()) == .badPresence)
        tpm.physicalPresence = true
        #expect(tpm.codeOfDefiningUnauthorized(area()) == .ownerSet)
        let unowned = unowned()
        unowned.physicalPresence = false
        #expect(unowned.codeOfDefiningUnauthorized(area(size: 0)) == .badPresence)
        unowned.physicalPresence = true
        #expect(unowned.codeOfDefiningUnauthorized(area(size: 0)) == .badDataSize)
        #expect(unowned.codeOfDefiningUnauthorized(area([.authRead, .ppWrite])) == .success)
        #expect(unowned.tpm.state.permanent.nv.areas[index]?.authValue == OwnedTPM.nvAuth)
        // Only the owner deletes.
        #expect(unowned.codeOfDefiningUnauthorized(area(size: 0)) == .badDataSize)
    }

    @Test func aTPMThatIsOffDefinesNothing() throws {
        let tpm = unowned()
        tpm.tpm.state.clear.flags.deactivated = true
        #expect(tpm.codeOfDefiningUnauthorized(area()) == .deactivated)
        tpm.tpm.state.permanent.flags.disable = true
        #expect(tpm.codeOfDefiningUnauthorized(area()) == .disabled)
        // Turning the protections on works at all times.
        #expect(tpm.codeOfDefiningUnauthorized(area(index: 0xffff_ffff, size: 0)) == .success)
    }

    @Test func sixtyFourWritesAreAllThereAreWithoutAnOwner() throws {
        let tpm = unowned()
        for count in 0..<64 as Range<UInt32> {
            #expect(tpm.tpm.state.permanent.noOwnerNVWrite == count)
            #expect(tpm.codeOfDefiningUnauthorized(area([.ppWrite])) == .success)
        }
        #expect(tpm.codeOfDefiningUnauthorized(area([.ppWrite])) == .maxNVWrites)
        #expect(tpm.codeOfDefiningUnauthorized(area([.ppWrite], index: NVIndex.trial)) == .maxNVWrites)
        #expect(tpm.write([1]) == .maxNVWrites)
        #expect(tpm.write([]) == .maxNVWrites)
        #expect(tpm.write([], to: 0) == .maxNVWrites)
        #expect(tpm.tpm.state.permanent.noOwnerNVWrite == 64)
        #expect(tpm.code(ForceClear.self, .init()) == .success)
        #expect(tpm.tpm.state.permanent.noOwnerNVWrite == 0)
    }

    @Test func onlyWhatIsWrittenCounts() throws {
        let tpm = unowned()
        #expect(tpm.codeOfDefiningUnauthorized(area([.ppWrite], index: NVIndex.trial)) == .success)
        #expect(tpm.codeOfDefiningUnauthorized(area([])) == .perNoWrite)
        #expect(tpm.codeOfDefiningUnauthorized(area([.ppWrite], size: 40_000)) == .noSpace)
        #expect(tpm.tpm.state.permanent.noOwnerNVWrite == 0)
        #expect(tpm.codeOfDefiningUnauthorized(area([.ppWrite])) == .success)
        #expect(tpm.tpm.state.permanent.noOwnerNVWrite == 1)
        #expect(tpm.write([]) == .success)
        #expect(tpm.write([], to: 0) == .success)
        #expect(tpm.write([1, 2, 3, 4, 5]) == .noSpace)
        #expect(tpm.tpm.state.permanent.noOwnerNVWrite == 1)
        #expect(tpm.write([1]) == .success)
        #expect(tpm.tpm.state.permanent.noOwnerNVWrite == 2)
    }

    @Test func withAnOwnerNothingIsCounted() throws {
        let tpm = OwnedTPM.withProtectedNV()
        tpm.tpm.state.permanent.noOwnerNVWrite = 64
        try tpm.define(area([.ppWrite]))
        tpm.physicalPresence = true
        #expect(tpm.write([1]) == .success)
        #expect(tpm.tpm.state.permanent.noOwnerNVWrite == 64)
    }

    // MARK: Before the protections are on

    @Test func untilTheProtectionsAreOnOnlyTheWritesAreCounted() throws {
        let tpm = OwnedTPM(.endorsed)
        tpm.tpm.state.permanent.flags.disable = true
        tpm.tpm.state.clear.flags.deactivated = true
        let permanent: UInt32 = 0x1000_f000
        #expect(tpm.codeOfDefiningUnauthorized(area(index: permanent)) == .success)
        #expect(tpm.codeOfDefiningUnauthorized(area(index: permanent, size: 8)) == .success)
        #expect(tpm.codeOfDefiningUnauthorized(area(index: permanent, size: 0)) == .success)
        #expect(tpm.codeOfDefiningUnauthorized(area(index: permanent, size: 0)) == .badParamSize)
        #expect(tpm.codeOfDefiningUnauthorized(area(index: 0)) == .badIndex)
        #expect(tpm.codeOfDefiningUnauthorized(area([])) == .perNoWrite)
        #expect(tpm.tpm.state.permanent.noOwnerNVWrite == 3)
        tpm.tpm.state.permanent.noOwnerNVWrite = 64
        #expect(tpm.codeOfDefiningUnauthorized(area(index: permanent)) == .maxNVWrites)

        let owned = OwnedTPM()
        #expect(owned.codeOfDefiningUnauthorized(area([.ppWrite, .globalLock])) == .success)
        owned.tpm.state.clear.flags.bGlobalLock = true
        #expect(owned.codeOfDefiningUnauthorized(area([.ppWrite])) == .success)
        #expect(owned.codeOfDefiningUnauthorized(area([.ppWrite], size: 0)) == .success)
    }

    @Test func theIndexOfAllOnesTurnsTheProtectionsOnForGood() throws {
        let tpm = OwnedTPM(.endorsed)
        let lock = area(index: 0xffff_ffff, size: 0)
        #expect(tpm.codeOfDefiningUnauthorized(area(index: 0xffff_ffff, size: 1)) == .badIndex)
        #expect(!tpm.tpm.state.permanent.flags.nvLocked)
        #expect(tpm.codeOfDefiningUnauthorized(lock) == .success)
        #expect(tpm.tpm.state.permanent.flags.nvLocked)
        #expect(tpm.codeOfDefiningUnauthorized(lock) == .success)
        #expect(tpm.codeOfDefiningUnauthorized(area()) == .badPresence)
        try tpm.restart()
        #expect(tpm.tpm.state.permanent.flags.nvLocked)
        #expect(OwnedTPM().codeOfDefining(lock) == .badIndex)
        #expect(OwnedTPM.withProtectedNV().codeOfDefining(lock) == .badIndex)
    }

    @Test func anIndexMadeWithTheTPMStaysAsItIs() throws {
        let permanent: UInt32 = 0x1000_f000
        let tpm = OwnedTPM()
        try tpm.define(area(index: permanent))
        tpm.tpm.state.permanent.flags.nvLocked = true
        for size in [0, 4] as [UInt32] { #expect(tpm.codeOfDefining(area(index: permanent, size: size)) == .badIndex) }
        #expect(tpm.code(OwnerClear.self, .init(), try tpm.ownerSession()) == .success)
        #expect(tpm.contents(permanent)?.count == 4)
    }

    // MARK: The description

    @Test func attributesThatConflictAreRefused() {
        let tpm = OwnedTPM.withProtectedNV()
        let conflicts: [NVPermissions] = [
            [.ownerWrite, .authWrite], [.ownerRead, .authRead, .ppWrite], [.ownerWrite, .authWrite, .ppWrite],
        ]
        for attributes in conflicts {
            #expect(tpm.codeOfDefining(area(attributes)) == .authConflict, "\(attributes)")
        }
        for attributes in [[.ownerWrite, .authRead], [.authWrite, .ownerRead]] as [NVPermissions] {
            #expect(tpm.codeOfDefining(area(attributes)) == .success, "\(attributes)")
        }
    }

    @Test func anAreaThatAnybodyWritesIsRefusedUnlessALocalityIsNotEnough() {
        let tpm = OwnedTPM.withProtectedNV()
        for attributes in [[], .globalLock, .writeSTClear, .writeAll, .ownerRead, .ppRead] as [NVPermissions] {
            #expect(tpm.codeOfDefining(area(attributes)) == .perNoWrite, "\(attributes)")
            let info = NVDataPublic.area(index, attributes, size: 4, write: .at([.zero, .one, .two, .three]))
            #expect(tpm.codeOfDefining(info) == .success, "\(attributes)")
        }
        for attributes in [.ownerWrite, .authWrite, .writeDefine, .ppWrite] as [NVPermissions] {
            #expect(tpm.codeOfDefining(area(attributes)) == .success, "\(attributes)")
        }
    }

    @Test func theIndexSpaceIsThatOfAPCAndAServer() {
        let definable: [UInt32] = [
            0x1, 0xf000, 0xf003, 0x1_0000, 0x4_0001, 0x5_0001, 0x6_0001, 0x8000_0001, 0x4002_0001, 0x20ff_0001,
        ]
        for index in definable { #expect(OwnedTPM.withProtectedNV().codeOfDefining(area(index: index)) == .success) }
        let refused: [UInt32] = [
            0, 0xffff_ffff, 0x1000_0001, 0x1000_f000, 0x2_0001, 0x3_0001, 0x7_0001, 0xff_0001, 0x1_1600, 0x1_16ff,
            0x100_0001, 0x800_0001, 0x8100_0001,
        ]
        for index in refused {
            #expect(OwnedTPM.withProtectedNV().codeOfDefining(area(index: index)) == .badIndex, "\(index)")
        }
        #expect(OwnedTPM().codeOfDefining(area(index: 0x1000_0001)) == .badIndex)
    }

    @Test func whatCannotBeAPCRInfoIsInvalidStructure() {
        let tpm = unowned()
        let request = NVDefineSpace.Request(pubInfo: area([.ppWrite]), encAuth: OwnedTPM.nvAuth)
        let bytes = TPM.bytes(NVDefineSpace.self, request)
        #expect(tpm.tpm.code(bytes) == .success)
        // pcrInfoRead starts behind the header, the tag and the index; pcrInfoWrite 26 bytes later.
        for start in [16, 42] {
            for (offset, value) in [(1, 0), (1, 4), (0, 1), (5, 0), (5, 0x20), (5, 0x3f)] as [(Int, UInt8)] {
                var changed = bytes
                changed[start + offset] = value
                #expect(tpm.tpm.code(changed) == .invalidStructure, "\(start) \(offset) \(value)")
            }
        }
        for offset in [11, 69] {
            var changed = bytes
            changed[offset] ^= 1
            #expect(tpm.tpm.code(changed) == .invalidStructure, "the tag at \(offset)")
        }
    }

    // MARK: Space

    @Test func areasShareTheSpaceThatThereIs() {
        let tpm = OwnedTPM.withProtectedNV()
        #expect(tpm.codeOfDefining(area(size: .max)) == .noSpace)
        #expect(tpm.codeOfDefining(area(size: 32_769)) == .noSpace)
        #expect(tpm.codeOfDefining(area(size: 32_768)) == .success)
        #expect(tpm.codeOfDefining(area(index: other, size: 1)) == .noSpace)
        // What a redefinition frees is there for it.
        #expect(tpm.codeOfDefining(area(size: 32_767)) == .success)
        #expect(tpm.codeOfDefining(area(index: other, size: 1)) == .success)
        #expect(tpm.codeOfDefining(area(size: 0)) == .success)
        #expect(tpm.codeOfDefining(area(size: 32_767)) == .success)
    }

    @Test func noMoreAreasThanTheTPMKeeps() {
        let tpm = OwnedTPM.withProtectedNV()
        for number in 0..<256 as Range<UInt32> {
            #expect(tpm.codeOfDefining(area(index: 0x1_0000 + number, size: 1)) == .success)
        }
        #expect(tpm.codeOfDefining(area(index: 0x1_1000, size: 1)) == .noSpace)
        #expect(tpm.codeOfDefining(area(index: 0x1_0000, size: 2)) == .success)
    }

    @Test func aTrialSaysWhetherADefinitionWouldWork() {
        let tpm = OwnedTPM.withProtectedNV()
        let trial = NVIndex.trial
        #expect(tpm.codeOfDefining(area(index: trial, size: 32_768)) == .success)
        #expect(tpm.codeOfDefining(area(index: trial, size: 32_769)) == .noSpace)
        #expect(tpm.codeOfDefining(area([], index: trial)) == .perNoWrite)
        #expect(tpm.codeOfDefining(area(index: trial, size: 0)) == .badParamSize)
        #expect(tpm.tpm.state.permanent.nv.areas.isEmpty)
    }
}
