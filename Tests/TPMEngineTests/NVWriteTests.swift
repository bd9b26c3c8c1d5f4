import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

/// Part 3, 20.2 and 20.3.
@Suite struct NVWriteTests {
    private let index = OwnedTPM.index
    private let dir: UInt32 = 0x1000_0001

    /// A TPM with protected areas of which one is defined.
    private func tpm(
        _ attributes: NVPermissions, size: UInt32 = 4, write: PCRInfoShort = PCRInfoShort()
    ) throws -> OwnedTPM {
        let tpm = OwnedTPM.withProtectedNV()
        try tpm.define(.area(index, attributes, size: size, write: write))
        return tpm
    }

    // MARK: The forms

    @Test func everyFormPassesTheSharedChecks() throws {
        let request = NVWriteValue.Request(nvIndex: index, offset: 1, data: [1, 2])
        let owners = try tpm([.ownerWrite])
        // Without an owner there is nobody whose session it could be.
        try check(NVWriteValue.self, request, on: owners, try owners.ownerSession(), except: [.noOwner])
        let present = try tpm([.ppWrite])
        present.physicalPresence = true
        try check(NVWriteValue.self, request, on: present)
        let secrets = try tpm([.authWrite])
        try check(NVWriteValueAuth.self, request, on: secrets, try secrets.client.oiap(OwnedTPM.nvAuth))
        try check(
            NVWriteValueAuth.self, request, on: secrets,
            try secrets.client.osap(.nv, index, secret: OwnedTPM.nvAuth, continues: true))
    }

    @Test func aSessionBoundToAnotherAreaIsAuthFail() throws {
        let tpm = try tpm([.authWrite])
        try tpm.define(.area(index + 1, [.authWrite], size: 4))
        let request = NVWriteValue.Request(nvIndex: index, offset: 0, data: [1])
        let bound = try tpm.client.osap(.nv, index + 1, secret: OwnedTPM.nvAuth)
        #expect(tpm.code(NVWriteValueAuth.self, request, bound) == .authFail)
        #expect(tpm.code(NVWriteValueAuth.self, request, try tpm.ownerSession()) == .authFail)
    }

    @Test func anAreaThatIsNotThereIsBadIndex() throws {
        let tpm = OwnedTPM.withProtectedNV()
        for index in [index, 0xffff_ffff, NVIndex.trial] {
            #expect(tpm.write([1], to: index) == .badIndex)
            #expect(tpm.write([], to: index) == .badIndex)
            #expect(tpm.writeAuth([1], to: index) == .badIndex)
        }
        #expect(tpm.writeAuth([], to: 0) == .badIndex)
    }

    @Test func everyAreaIsWrittenByTheCommandThatItsAttributesName() throws {
        let owners = try tpm([.ownerWrite])
        #expect(owners.write([1]) == .authConflict)
        #expect(owners.writeAuth([1]) == .authConflict)
        #expect(owners.write([1], at: 0, try owners.ownerSession()) == .success)
        let secrets = try tpm([.authWrite])
        #expect(secrets.write([1]) == .authConflict)
        #expect(secrets.write([1], at: 0, try secrets.ownerSession()) == .authConflict)
        #expect(secrets.writeAuth([1]) == .success)
        let present = try tpm([.ppWrite])
        present.physicalPresence = true
        #expect(present.write([1], at: 0, try present.ownerSession()) == .authConflict)
        #expect(present.writeAuth([1]) == .authConflict)
        #expect(present.write([1]) == .success)
    }

    // MARK: What is written

    @Test func aWriteReplacesItsBytesAlone() throws {
        let tpm = try tpm([.authWrite])
        #expect(tpm.writeAuth([1, 2], at: 1) == .success)
        #expect(tpm.contents() == [0xff, 1, 2, 0xff])
        #expect(tpm.writeAuth([3], at: 3) == .success)
        #expect(tpm.contents() == [0xff, 1, 2, 3])
        #expect(tpm.lastOutcome?.changesPermanentState == true)
    }

    @Test func aWriteBeyondTheEndIsNoSpace() throws {
        let tpm = try tpm([.authWrite])
        for (offset, count) in [(0, 5), (1, 4), (4, 1), (UInt32.max, 1), (UInt32.max, 4)] as [(UInt32, Int)] {
            #expect(tpm.writeAuth([UInt8](repeating: 1, count: count), at: offset) == .noSpace, "\(offset) \(count)")
        }
        #expect(tpm.contents() == [0xff, 0xff, 0xff, 0xff])
    }

    @Test func anAreaOfOnePieceIsWrittenAtOnce() throws {
        let tpm = try tpm([.authWrite, .writeAll])
        #expect(tpm.writeAuth([1, 2, 3]) == .notFullWrite)
        #expect(tpm.writeAuth([1, 2, 3], at: 1) == .notFullWrite)
        #expect(tpm.writeAuth([1, 2, 3, 4], at: 1) == .noSpace)
        #expect(tpm.writeAuth([1, 2, 3, 4]) == .success)
        #expect(tpm.contents() == [1, 2, 3, 4])
    }

    // MARK: Conditions

    @Test func aTPMThatIsOffDoesNotWriteForTheOwner() throws {
        let tpm = try tpm([.ownerWrite])
        let session = try tpm.ownerSession()
        tpm.tpm.state.clear.flags.deactivated = true
        #expect(tpm.write([1], at: 0, session) == .deactivated)
        // Before the authorization is looked at.
        #expect(tpm.write([1]) == .deactivated)
        tpm.tpm.state.permanent.flags.disable = true
        #expect(tpm.write([1]) == .disabled)
        #expect(tpm.write([], to: 0) == .success)

        let present = try self.tpm([.ppWrite])
        present.physicalPresence = true
        present.tpm.state.permanent.flags.disable = true
        present.tpm.state.clear.flags.deactivated = true
        #expect(present.write([1]) == .success)
    }

    @Test func onlyTheLocalitiesOfTheAreaWriteIt() throws {
        for attributes in [.authWrite, .ppWrite] as [NVPermissions] {
            let tpm = try tpm(attributes, write: .at([.two, .four]))
            tpm.physicalPresence = true
            for locality in Locality.allCases {
                tpm.locality = locality
                let isAllowed = locality == .two || locality == .four
                let result = attributes == .authWrite ? tpm.writeAuth([1]) : tpm.write([1])
                #expect(result == (isAllowed ? .success : .badLocality), "\(locality)")
            }
        }
    }

    @Test func thePCRsHaveToBeThoseOfTheArea() throws {
        for attributes in [.authWrite, .ppWrite] as [NVPermissions] {
            let tpm = try tpm(attributes, write: try .pcr(9, .zero))
            tpm.physicalPresence = true
            func write() -> TPMResult? { attributes == .authWrite ? tpm.writeAuth([1]) : tpm.write([1]) }
            #expect(write() == .success)
            _ = try tpm.client.execute(Extend.self, .init(pcrNum: 9, inDigest: .zero))
            #expect(write() == .wrongPCRVal)
        }
    }

    @Test func presenceIsAskedForWithEveryAuthorization() throws {
        for attributes in [[.authWrite, .ppWrite], .ppWrite, [.ownerWrite, .ppWrite]] as [NVPermissions] {
            let tpm = try tpm(attributes)
            func write() throws -> TPMResult? {
                if attributes.contains(.authWrite) { return tpm.writeAuth([1]) }
                return attributes.contains(.ownerWrite)
                    ? tpm.write([1], at: 0, try tpm.ownerSession(continues: false)) : tpm.write([1])
            }
            #expect(try write() == .badPresence)
            tpm.physicalPresence = true
            #expect(try write() == .success)
        }
    }

    // MARK: Locks

    @Test func aLockForGoodOutlivesEveryStart() throws {
        for attributes in [.authWrite, .ppWrite] as [NVPermissions] {
            let tpm = try tpm([attributes, .writeDefine])
            tpm.physicalPresence = true
            func write(_ data: [UInt8]) -> TPMResult? {
                attributes == .authWrite ? tpm.writeAuth(data) : tpm.write(data)
            }
            #expect(write([1]) == .success)
            #expect(write([]) == .success)
            #expect(tpm.lastOutcome?.changesPermanentState == true)
            #expect(write([2]) == .areaLocked)
            #expect(write([]) == .areaLocked)
            try tpm.restart()
            tpm.physicalPresence = true
            #expect(write([2]) == .areaLocked)
            #expect(tpm.contents() == [1, 0xff, 0xff, 0xff])
        }
    }

    @Test func aLockUntilTheStartOutlivesASavedState() throws {
        for attributes in [.authWrite, .ppWrite] as [NVPermissions] {
            let tpm = try tpm([attributes, .writeSTClear])
            try tpm.define(.area(index + 1, [attributes, .writeSTClear], size: 4))
            tpm.physicalPresence = true
            func write(_ data: [UInt8], to index: UInt32 = OwnedTPM.index) -> TPMResult? {
                attributes == .authWrite ? tpm.writeAuth(data, to: index) : tpm.write(data, to: index)
            }
            #expect(write([]) == .success)
            #expect(write([1]) == .areaLocked)
            // Each area has a lock of its own.
            #expect(write([1], to: index + 1) == .success)
            _ = try tpm.client.execute(SaveState.self, .init())
            try tpm.restart(.state)
            #expect(write([1]) == .areaLocked)
            try tpm.restart(.clear)
            tpm.physicalPresence = true
            #expect(write([1]) == .success)
        }
    }

    @Test func theGlobalLockIsAWriteToIndexZero() throws {
        let tpm = try tpm([.authWrite, .globalLock])
        try tpm.define(.area(index + 1, [.ppWrite, .globalLock], size: 4))
        try tpm.define(.area(index + 2, [.ppWrite], size: 4))
        tpm.physicalPresence = true
        #expect(tpm.write([1], to: 0) == .badIndex)
        #expect(!tpm.tpm.state.clear.flags.bGlobalLock)
        // An empty write to the area itself does not lock it.
        #expect(tpm.writeAuth([]) == .success)
        #expect(tpm.writeAuth([1]) == .success)
        #expect(tpm.write([], to: 0) == .success)
        #expect(tpm.tpm.state.clear.flags.bGlobalLock)
        #expect(tpm.writeAuth([1]) == .areaLocked)
        #expect(tpm.write([1], to: index + 1) == .areaLocked)
        #expect(tpm.write([1], to: index + 2) == .success)
        try tpm.restart()
        tpm.physicalPresence = true
        #expect(tpm.writeAuth([1]) == .success)
        #expect(tpm.write([1], to: index + 1) == .success)
    }

    @Test func theOwnerMaySetTheGlobalLockTooButAForgerNot() throws {
        let tpm = OwnedTPM.withProtectedNV()
        #expect(tpm.write([], to: 0, at: 0, try tpm.client.oiap(OwnedTPM.srkAuth)) == .authFail)
        #expect(!tpm.tpm.state.clear.flags.bGlobalLock)
        #expect(tpm.write([], to: 0, at: 0, try tpm.ownerSession()) == .success)
        #expect(tpm.tpm.state.clear.flags.bGlobalLock)
    }

    @Test func anEmptyWriteLocksOnlyWhatIsMadeToBeLocked() throws {
        let tpm = try tpm([.authWrite])
        #expect(tpm.writeAuth([], at: 99) == .success)
        #expect(tpm.writeAuth([1]) == .success)
    }

    // MARK: The order of the checks

    /// An area on which every check fails at once, with somebody not present at locality 1.
    private func refusing(_ attributes: NVPermissions) throws -> OwnedTPM {
        var info = try PCRInfoShort.pcr(9, Digest(repeating: 1))
        info.localityAtRelease = .zero
        let tpm = try tpm([attributes, .ppWrite, .writeDefine, .writeSTClear], write: info)
        tpm.locality = .one
        tpm.tpm.state.permanent.nv.areas[index]?.pubInfo.bWriteDefine = true
        return tpm
    }

    @Test func writeValueAsksForLocalityPresenceLocksAndPCRs() throws {
        let tpm = try refusing([])
        #expect(tpm.write([1, 2, 3, 4, 5]) == .badLocality)
        tpm.locality = .zero
        #expect(tpm.write([1, 2, 3, 4, 5]) == .badPresence)
        tpm.physicalPresence = true
        #expect(tpm.write([1, 2, 3, 4, 5]) == .areaLocked)
        tpm.tpm.state.permanent.nv.areas[index]?.pubInfo.bWriteDefine = false
        #expect(tpm.write([1, 2, 3, 4, 5]) == .wrongPCRVal)
    }

    @Test func writeValueAuthAsksForLocalityPresencePCRsAndLocks() throws {
        let tpm = try refusing(.authWrite)
        #expect(tpm.writeAuth([1, 2, 3, 4, 5]) == .badLocality)
        tpm.locality = .zero
        #expect(tpm.writeAuth([1, 2, 3, 4, 5]) == .badPresence)
        tpm.physicalPresence = true
        #expect(tpm.writeAuth([1, 2, 3, 4, 5]) == .wrongPCRVal)
        tpm.tpm.state.permanent.nv.areas[index]?.pubInfo.pcrInfoWrite = PCRInfoShort()
        #expect(tpm.writeAuth([1, 2, 3, 4, 5]) == .areaLocked)
        tpm.tpm.state.permanent.nv.areas[index]?.pubInfo.bWriteDefine = false
        #expect(tpm.writeAuth([1, 2, 3, 4, 5]) == .noSpace)
    }

    // MARK: Before the protections are on

    @Test func untilTheProtectionsAreOnAnybodyWritesAnAreaWithoutASecret() throws {
        let tpm = try refusing(.ownerWrite)
        try tpm.define(.area(index + 1, [.authWrite], size: 4))
        tpm.tpm.state.permanent.flags.nvLocked = false
        tpm.tpm.state.permanent.flags.disable = true
        tpm.tpm.state.clear.flags.deactivated = true
        tpm.tpm.state.clear.flags.bGlobalLock = true
        #expect(tpm.write([1, 2]) == .success)
        #expect(tpm.contents() == [1, 2, 0xff, 0xff])
        #expect(tpm.write([1, 2, 3, 4, 5]) == .noSpace)
        #expect(tpm.write([1], to: index + 1) == .authConflict)
    }

    // MARK: The register of 1.1

    @Test func theRegisterIsWrittenWholeByTheOwner() throws {
        let tpm = OwnedTPM.withProtectedNV()
        let value = [UInt8](repeating: 7, count: 20)
        #expect(tpm.write(value, to: dir) == .authConflict)
        #expect(tpm.writeAuth(value, to: dir) == .badIndex)
        #expect(tpm.write(Array(value.dropLast()), to: dir, at: 0, try tpm.ownerSession()) == .notFullWrite)
        #expect(tpm.write(value, to: dir, at: 1, try tpm.ownerSession()) == .noSpace)
        #expect(tpm.write(value, to: dir, at: 0, try tpm.ownerSession()) == .success)
        #expect(try tpm.client.execute(DirRead.self, .init(dirIndex: 0)).dirContents.bytes == value)
        // 14. An empty write is no error, and locks nothing.
        #expect(tpm.write([], to: dir, at: 0, try tpm.ownerSession()) == .success)
        #expect(tpm.write(value, to: dir, at: 0, try tpm.ownerSession()) == .success)
        #expect(tpm.tpm.state.clear.nvLocks.isEmpty)
    }

    @Test func untilTheProtectionsAreOnAnybodyWritesTheRegister() throws {
        let tpm = OwnedTPM(.endorsed)
        let value = [UInt8](repeating: 7, count: 20)
        #expect(tpm.write(value, to: dir) == .success)
        #expect(tpm.tpm.state.permanent.authDIR.bytes == value)
        #expect(tpm.tpm.state.permanent.noOwnerNVWrite == 1)
    }
}
