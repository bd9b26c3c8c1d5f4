import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

/// Part 3, 20.4 and 20.5.
@Suite struct NVReadTests {
    private let index = OwnedTPM.index
    private let dir: UInt32 = 0x1000_0001

    /// A TPM with protected areas of which one is defined and holds 1, 2, 3, 4.
    private func tpm(_ attributes: NVPermissions, read: PCRInfoShort = PCRInfoShort()) throws -> OwnedTPM {
        let tpm = OwnedTPM.withProtectedNV()
        try tpm.define(.area(index, [attributes, .ppWrite], size: 4, read: read))
        tpm.tpm.state.permanent.nv.areas[index]?.data = [1, 2, 3, 4]
        return tpm
    }

    // MARK: The forms

    @Test func everyFormPassesTheSharedChecks() throws {
        let request = NVReadValue.Request(nvIndex: index, offset: 1, dataSize: 2)
        let owners = try tpm(.ownerRead)
        // Without an owner there is nobody whose session it could be.
        try check(NVReadValue.self, request, on: owners, try owners.ownerSession(), except: [.noOwner])
        try check(NVReadValue.self, request, on: try tpm([]))
        let secrets = try tpm(.authRead)
        try check(NVReadValueAuth.self, request, on: secrets, try secrets.client.oiap(OwnedTPM.nvAuth))
        try check(
            NVReadValueAuth.self, request, on: secrets,
            try secrets.client.osap(.nv, index, secret: OwnedTPM.nvAuth, continues: true))
    }

    @Test func everyAreaIsReadByTheCommandThatItsAttributesName() throws {
        let owners = try tpm(.ownerRead)
        #expect(owners.read(4) == .failure(.authConflict))
        #expect(owners.readAuth(4) == .failure(.authConflict))
        #expect(owners.read(4, at: 0, try owners.ownerSession()) == .success([1, 2, 3, 4]))
        let secrets = try tpm(.authRead)
        #expect(secrets.read(4) == .failure(.authConflict))
        #expect(secrets.read(4, at: 0, try secrets.ownerSession()) == .failure(.authConflict))
        #expect(secrets.readAuth(4) == .success([1, 2, 3, 4]))
        let anybodys = try tpm([])
        #expect(anybodys.read(4, at: 0, try anybodys.ownerSession()) == .failure(.authConflict))
        #expect(anybodys.readAuth(4) == .failure(.authConflict))
        #expect(anybodys.read(4) == .success([1, 2, 3, 4]))
    }

    @Test func aSessionBoundToAnotherAreaIsAuthFail() throws {
        let tpm = try tpm(.authRead)
        try tpm.define(.area(index + 1, [.authRead, .ppWrite], size: 4))
        let request = NVReadValue.Request(nvIndex: index, offset: 0, dataSize: 1)
        let bound = try tpm.client.osap(.nv, index + 1, secret: OwnedTPM.nvAuth)
        #expect(tpm.code(NVReadValueAuth.self, request, bound) == .authFail)
    }

    @Test func anAreaThatIsNotThereIsBadIndex() throws {
        let tpm = OwnedTPM.withProtectedNV()
        for index in [index, 0, 0xffff_ffff, NVIndex.trial] {
            #expect(tpm.read(1, from: index) == .failure(.badIndex))
            #expect(tpm.readAuth(1, from: index) == .failure(.badIndex))
        }
    }

    // MARK: What is read

    @Test func aReadReturnsTheBytesThatItAsksFor() throws {
        let tpm = try tpm([])
        #expect(tpm.read(2, at: 1) == .success([2, 3]))
        #expect(tpm.read(1, at: 3) == .success([4]))
        for (offset, count) in [(0, 5), (1, 4), (4, 1), (.max, 1), (0, .max), (1, .max)] as [(UInt32, UInt32)] {
            #expect(tpm.read(count, at: offset) == .failure(.noSpace), "\(offset) \(count)")
        }
    }

    @Test func aLargeAreaIsReadInPieces() throws {
        let tpm = OwnedTPM.withProtectedNV()
        try tpm.define(.area(index, [.ownerWrite, .authRead], size: 10_000))
        #expect(try tpm.readAuth(UInt32(NVStorage.maximumRead)).get().count == NVStorage.maximumRead)
        #expect(try #require(tpm.lastOutcome?.response.count) <= TPM.maximumCommandSize)
        #expect(tpm.readAuth(UInt32(NVStorage.maximumRead) + 1) == .failure(.noSpace))
        #expect(try tpm.readAuth(1, at: 9_999).get() == [0xff])
    }

    // MARK: Conditions

    @Test func aTPMThatIsOffDoesNotReadForTheOwner() throws {
        let tpm = try tpm(.ownerRead)
        tpm.tpm.state.clear.flags.deactivated = true
        #expect(tpm.read(1) == .failure(.deactivated))
        tpm.tpm.state.permanent.flags.disable = true
        #expect(tpm.read(1) == .failure(.disabled))
        let anybodys = try self.tpm([])
        anybodys.tpm.state.permanent.flags.disable = true
        anybodys.tpm.state.clear.flags.deactivated = true
        #expect(anybodys.read(1) == .success([1]))
    }

    @Test func onlyTheLocalitiesOfTheAreaReadIt() throws {
        for attributes in [.authRead, []] as [NVPermissions] {
            let tpm = try tpm(attributes, read: .at([.one, .three]))
            for locality in Locality.allCases {
                tpm.locality = locality
                let isAllowed = locality == .one || locality == .three
                let result = attributes == .authRead ? tpm.readAuth(1) : tpm.read(1)
                #expect(result == (isAllowed ? .success([1]) : .failure(.badLocality)), "\(locality)")
            }
        }
    }

    @Test func thePCRsHaveToBeThoseOfTheArea() throws {
        for attributes in [.authRead, []] as [NVPermissions] {
            let tpm = try tpm(attributes, read: try .pcr(9, .zero))
            func read() -> Result<[UInt8], TPMResult> { attributes == .authRead ? tpm.readAuth(1) : tpm.read(1) }
            #expect(read() == .success([1]))
            _ = try tpm.client.execute(Extend.self, .init(pcrNum: 9, inDigest: .zero))
            #expect(read() == .failure(.wrongPCRVal))
        }
    }

    @Test func presenceIsAskedForWithEveryAuthorization() throws {
        for attributes in [[.authRead, .ppRead], .ppRead, [.ownerRead, .ppRead]] as [NVPermissions] {
            let tpm = try tpm(attributes)
            func read() throws -> Result<[UInt8], TPMResult> {
                if attributes.contains(.authRead) { return tpm.readAuth(1) }
                return attributes.contains(.ownerRead)
                    ? tpm.read(1, at: 0, try tpm.ownerSession(continues: false)) : tpm.read(1)
            }
            #expect(try read() == .failure(.badPresence))
            tpm.physicalPresence = true
            #expect(try read() == .success([1]))
        }
    }

    // MARK: The lock

    @Test func anEmptyReadLocksUntilTheStartOrAWrite() throws {
        for attributes in [.authRead, []] as [NVPermissions] {
            let tpm = try tpm([attributes, .readSTClear])
            func read(_ count: UInt32) -> Result<[UInt8], TPMResult> {
                attributes == .authRead ? tpm.readAuth(count) : tpm.read(count)
            }
            #expect(read(1) == .success([1]))
            #expect(read(0) == .success([]))
            #expect(read(1) == .failure(.disabledCmd))
            #expect(read(0) == .failure(.disabledCmd))
            // The lock is one of those that a saved state keeps.
            _ = try tpm.client.execute(SaveState.self, .init())
            try tpm.restart(.state)
            #expect(read(1) == .failure(.disabledCmd))
            tpm.physicalPresence = true
            #expect(tpm.write([9]) == .success)
            #expect(read(1) == .success([9]))
            #expect(read(0) == .success([]))
            // An empty write opens it as well.
            #expect(tpm.write([]) == .success)
            #expect(read(1) == .success([9]))
            #expect(read(0) == .success([]))
            try tpm.restart()
            #expect(read(1) == .success([9]))
        }
    }

    @Test func anEmptyReadLocksOnlyWhatIsMadeToBeLocked() throws {
        let tpm = try tpm([])
        #expect(tpm.read(0, at: 99) == .success([]))
        #expect(tpm.read(1) == .success([1]))
    }

    // MARK: The order of the checks

    /// An area on which every check fails at once, with nobody present at locality 1.
    private func refusing(_ attributes: NVPermissions) throws -> OwnedTPM {
        var info = try PCRInfoShort.pcr(9, Digest(repeating: 1))
        info.localityAtRelease = .zero
        let tpm = try tpm([attributes, .ppRead, .readSTClear], read: info)
        tpm.locality = .one
        var locks = NVLocks()
        locks.bReadSTClear = true
        tpm.tpm.state.clear.nvLocks[index] = locks
        return tpm
    }

    @Test func readValueAsksForLocalityPresenceLockAndPCRs() throws {
        let tpm = try refusing([])
        #expect(tpm.read(5) == .failure(.badLocality))
        tpm.locality = .zero
        #expect(tpm.read(5) == .failure(.badPresence))
        tpm.physicalPresence = true
        #expect(tpm.read(5) == .failure(.disabledCmd))
        tpm.tpm.state.clear.nvLocks = [:]
        #expect(tpm.read(5) == .failure(.wrongPCRVal))
        tpm.tpm.state.permanent.nv.areas[index]?.pubInfo.pcrInfoRead = PCRInfoShort()
        #expect(tpm.read(5) == .failure(.noSpace))
    }

    @Test func readValueAuthAsksForPresenceLocalityPCRsAndLock() throws {
        let tpm = try refusing(.authRead)
        #expect(tpm.readAuth(5) == .failure(.badPresence))
        tpm.physicalPresence = true
        #expect(tpm.readAuth(5) == .failure(.badLocality))
        tpm.locality = .zero
        #expect(tpm.readAuth(5) == .failure(.wrongPCRVal))
        tpm.tpm.state.permanent.nv.areas[index]?.pubInfo.pcrInfoRead = PCRInfoShort()
        #expect(tpm.readAuth(5) == .failure(.disabledCmd))
        tpm.tpm.state.clear.nvLocks = [:]
        #expect(tpm.readAuth(5) == .failure(.noSpace))
    }

    // MARK: Before the protections are on

    @Test func untilTheProtectionsAreOnAnybodyReadsAnAreaWithoutASecret() throws {
        let tpm = try refusing(.ownerRead)
        try tpm.define(.area(index + 1, [.authRead, .ppWrite], size: 4))
        tpm.tpm.state.permanent.flags.nvLocked = false
        tpm.tpm.state.permanent.flags.disable = true
        tpm.tpm.state.clear.flags.deactivated = true
        #expect(tpm.read(4) == .success([1, 2, 3, 4]))
        #expect(tpm.read(1, from: index + 1) == .failure(.authConflict))
        tpm.tpm.state.permanent.flags.disable = false
        tpm.tpm.state.clear.flags.deactivated = false
        tpm.locality = .zero
        #expect(tpm.read(1, from: index + 1, at: 0, try tpm.ownerSession()) == .failure(.authConflict))
        // An owner who authorizes without need has to be the owner.
        #expect(tpm.read(1, at: 0, try tpm.client.oiap(OwnedTPM.srkAuth)) == .failure(.authFail))
        #expect(tpm.read(1, at: 0, try tpm.ownerSession()) == .success([1]))
    }

    // MARK: The register of 1.1

    @Test func anybodyReadsTheRegisterInPartToo() throws {
        let tpm = OwnedTPM.withProtectedNV()
        let value = (0..<20).map { UInt8($0) }
        tpm.tpm.state.permanent.authDIR = try #require(Digest(value))
        #expect(tpm.read(20, from: dir) == .success(value))
        #expect(tpm.read(2, from: dir, at: 3) == .success([3, 4]))
        #expect(tpm.read(2, from: dir, at: 19) == .failure(.noSpace))
        #expect(tpm.readAuth(20, from: dir) == .failure(.badIndex))
        #expect(tpm.read(20, from: dir, at: 0, try tpm.ownerSession()) == .failure(.authConflict))
        // An empty read locks nothing.
        #expect(tpm.read(0, from: dir) == .success([]))
        #expect(tpm.read(20, from: dir) == .success(value))
    }
}
