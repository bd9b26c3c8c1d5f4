import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

/// Part 3, 7.1 against Part 2, 21.1; the properties are in ``CapabilityPropertyTests``.
@Suite struct GetCapabilityTests {
    @Test func aCommandOfEachKindOfAreaPassesTheSharedChecks() throws {
        let tpm = OwnedTPM()
        // In failure mode it still answers some areas.
        for (area, subCap) in [
            (CapabilityArea.ord, be32(Ordinal.extend.rawValue)), (.pid, be16(1)), (.versionVal, []),
            (.property, be32(CapabilityProperty.pcr.rawValue)),
        ] {
            try check(
                GetCapability.self, .init(capArea: area.rawValue, subCap: subCap), on: tpm, except: [.failureMode])
        }
    }

    @Test func anUnknownAreaAndAnUnknownOrMissizedSubCapAreBadMode() {
        let tpm = OwnedTPM(.started)
        for area in [0, 0x0a, 0x0b, 0x0e, 0x0f, 0x13, 0x16, 0x1b, UInt32.max] {
            #expect(tpm.capability(area, be32(1)) == .failure(.badMode), "area \(area)")
        }
        for subCap in [0x107, 0x10a, 0] as [UInt32] {
            #expect(tpm.capability(.flag, be32(subCap)) == .failure(.badMode), "flags \(subCap)")
        }
        let fourBytes: [CapabilityArea] = [
            .ord, .alg, .flag, .property, .symMode, .keyStatus, .nvIndex, .transAlg, .handle, .authEncrypt,
        ]
        for area in fourBytes {
            for size in [0, 2, 3, 5] {
                let subCap = [UInt8](repeating: 0, count: size)
                #expect(tpm.capability(area, subCap) == .failure(.badMode), "\(area) \(size) bytes")
            }
        }
        for area in [CapabilityArea.pid, .transES, .daLogic] {
            for size in [0, 1, 3, 4] {
                let subCap = [UInt8](repeating: 0, count: size)
                #expect(tpm.capability(area, subCap) == .failure(.badMode), "\(area) \(size) bytes")
            }
        }
        for area in [CapabilityArea.checkLoaded, .selectSize] {
            #expect(tpm.capability(area, [1, 1]) == .failure(.badParamSize), "\(area)")
        }
    }

    // MARK: What is supported

    @Test func anOrdinalIsSupportedWhenItsCommandIsThere() {
        let tpm = OwnedTPM(.started)
        for ordinal in [Ordinal.extend, .getCapability, .seal, .nvDefineSpace, .tscPhysicalPresence] {
            #expect(tpm.isTrue(.ord, be32(ordinal.rawValue)) == true, "\(ordinal)")
        }
        // A command of the platform alone, a deleted one, one that never was and a vendor's.
        for ordinal in [Ordinal.tpmInit.rawValue, Ordinal.certifySelfTest.rawValue, 0x26, 0x2000_0001, .max] {
            #expect(tpm.isTrue(.ord, be32(ordinal)) == false, "\(ordinal)")
        }
        for row in OrdinalTable.rows {
            let isThere = tpm.tpm.execute([0, 0xc1] + be32(10) + be32(row.ordinal.rawValue)).result != .badOrdinal
            #expect(tpm.isTrue(.ord, be32(row.ordinal.rawValue)) == isThere, "\(row.name)")
        }
    }

    @Test func algorithmsAndProtocolsAndModesAreTrueOrFalse() {
        let tpm = OwnedTPM(.started)
        for algorithm in 0...12 as ClosedRange<UInt32> {
            #expect(tpm.isTrue(.alg, be32(algorithm)) == (algorithm == AlgorithmID.rsa.rawValue))
            let hides = [AlgorithmID.aes128.rawValue, AlgorithmID.xor.rawValue].contains(algorithm)
            #expect(tpm.isTrue(.authEncrypt, be32(algorithm)) == hides, "\(algorithm)")
        }
        for known in [ProtocolID.oiap, .osap, .adip, .adcp, .owner] {
            #expect(tpm.isTrue(.pid, be16(known.rawValue)) == true, "\(known)")
        }
        #expect(tpm.isTrue(.pid, be16(0)) == false)
        #expect(tpm.isTrue(.pid, be16(8)) == false)
        for mode in 0...4 as ClosedRange<UInt32> { #expect(tpm.isTrue(.symMode, be32(mode)) == false) }
    }

    @Test func transportProtectionIsSupportedWithTransportSessionsOnly() {
        let tpm = OwnedTPM(.started)
        let isThere = tpm.isTrue(.ord, be32(Ordinal.establishTransport.rawValue))
        #expect(tpm.isTrue(.pid, be16(ProtocolID.transport.rawValue)) == isThere)
        #expect(tpm.isTrue(.transAlg, be32(AlgorithmID.mgf1.rawValue)) == isThere)
        #expect(tpm.isTrue(.transAlg, be32(AlgorithmID.aes128.rawValue)) == isThere)
        #expect(tpm.isTrue(.transES, be16(EncScheme.symCTR.rawValue)) == isThere)
        #expect(tpm.isTrue(.transAlg, be32(AlgorithmID.rsa.rawValue)) == false)
        #expect(tpm.isTrue(.transAlg, be32(99)) == false)
        #expect(tpm.isTrue(.transES, be16(EncScheme.rsaesOAEPSHA1MGF1.rawValue)) == false)
        #expect(tpm.isTrue(.transES, be16(99)) == false)
    }

    @Test func aSelectionOfOneToThreeBytesIsSupportedInBothVersions() {
        let tpm = OwnedTPM(.started)
        for minor in [1, 2] as [UInt8] {
            for size in 0...4 as ClosedRange<UInt16> {
                #expect(tpm.isTrue(.selectSize, [1, minor] + be16(size)) == (1...3).contains(size))
            }
        }
        #expect(tpm.capability(.selectSize, [1, 3, 0, 2]) == .failure(.badParameter))
        #expect(tpm.capability(.selectSize, [2, 1, 0, 2]) == .failure(.badParameter))
    }

    @Test func aKeyCanBeLoadedWhenItsKindIsKnownAndASlotIsFree() throws {
        let tpm = OwnedTPM()
        func canLoad(_ parms: KeyParms) throws -> Bool? { tpm.isTrue(.checkLoaded, try parms.encoded()) }
        var signing = OwnedTPM.template(.signing).algorithmParms
        #expect(try canLoad(signing) == true)
        #expect(try canLoad(OwnedTPM.template(.storage).algorithmParms) == true)
        signing.parms = .rsa(RSAKeyParms(keyLength: 4096, numPrimes: 2, exponent: []))
        #expect(try canLoad(signing) == false)
        signing.parms = .rsa(RSAKeyParms(keyLength: 2048, numPrimes: 3, exponent: []))
        #expect(try canLoad(signing) == false)
        let aes = KeyParms(
            algorithmID: .aes128, encScheme: .symCTR, sigScheme: .none, parms: .symmetric(SymmetricKeyParms()))
        #expect(try canLoad(aes) == false)
        // No usage both signs and decrypts with these schemes.
        var both = OwnedTPM.template(.storage).algorithmParms
        both.sigScheme = .rsassaPKCS1v15INFO
        #expect(try canLoad(both) == false)

        try tpm.fillKeySlots()
        #expect(try canLoad(OwnedTPM.template(.storage).algorithmParms) == false)
        var unknown = try OwnedTPM.template(.storage).algorithmParms.encoded()
        unknown[3] = 99
        #expect(tpm.capability(.checkLoaded, unknown) == .failure(.badKeyProperty))
    }

    // MARK: State

    @Test func flagsComeAsAByteEachBehindTheirTag() {
        let tpm = OwnedTPM(.started)
        tpm.tpm.state.permanent.flags = PermanentFlags()
        // ownership, readPubek, allowMaintenance and enableRevokeEK.
        var bytes = [UInt8](repeating: 0, count: 20)
        for index in [1, 3, 5, 14] { bytes[index] = 1 }
        #expect(tpm.capability(.flag, be32(0x108)) == .success([0, 0x1f] + bytes))
        tpm.tpm.state.permanent.flags.disableFullDALogicInfo = true
        bytes[19] = 1
        #expect(tpm.capability(.flag, be32(0x108)) == .success([0, 0x1f] + bytes))
        #expect(tpm.capability(.flag, be32(0x109)) == .success([0, 0x20, 0, 0, 0, 0, 0]))
        tpm.tpm.state.clear.flags.bGlobalLock = true
        #expect(tpm.capability(.flag, be32(0x109)) == .success([0, 0x20, 0, 0, 0, 0, 1]))
    }

    @Test func versionsIgnoreTheSubCap() {
        let tpm = OwnedTPM(.started)
        for subCap in [[], be32(7)] {
            #expect(tpm.capability(.version, subCap) == .success([1, 1, 0, 0]))
            #expect(
                tpm.capability(.versionVal, subCap)
                    == .success([0, 0x30, 1, 2, 0, 1, 0, 2, 3] + Array("VTPM".utf8) + [0, 0]))
            #expect(tpm.capability(.mfr, subCap) == .success(Array("vtpm".utf8)))
        }
    }

    @Test func loadedKeysAreListedWithoutTheRootKeys() throws {
        let tpm = OwnedTPM()
        #expect(tpm.capability(.keyHandle, []) == .success([0, 0]))
        let handle = try tpm.newKey(OwnedTPM.template(.signing))
        let list = [0, 1] + be32(handle.rawValue)
        #expect(tpm.capability(.keyHandle, []) == .success(list))
        #expect(tpm.capability(.handle, be32(ResourceType.key.rawValue)) == .success(list))
    }

    @Test func sessionsAndSavedSessionsAreListed() throws {
        let tpm = OwnedTPM()
        let session = try tpm.ownerSession()
        let auth = be32(ResourceType.auth.rawValue)
        #expect(tpm.capability(.handle, auth) == .success([0, 1] + be32(session.handle)))
        _ = try tpm.client.execute(
            SaveContext.self,
            .init(handle: session.handle, resourceType: .auth, label: [UInt8](repeating: 7, count: 16)))
        #expect(tpm.capability(.handle, auth) == .success([0, 0]))
        #expect(tpm.capability(.handle, be32(ResourceType.context.rawValue)) == .success([0, 1] + be32(1)))
    }

    @Test func aResourceWithoutHandlesIsBadMode() {
        let tpm = OwnedTPM(.started)
        for type in [ResourceType.counter, .daaTPM] {
            #expect(tpm.capability(.handle, be32(type.rawValue)) == .success([0, 0]), "\(type)")
        }
        for type in [0, 3, 7, 9, 10, 11] as [UInt32] {
            #expect(tpm.capability(.handle, be32(type)) == .failure(.badMode), "\(type)")
        }
    }

    @Test func theStatusOfAKeyIsWhetherTheOwnerKeepsIt() throws {
        let tpm = OwnedTPM()
        let handle = try tpm.newKey(OwnedTPM.template(.signing))
        let subCap = be32(handle.rawValue)
        #expect(tpm.isTrue(.keyStatus, subCap) == false)
        tpm.tpm.state.keys.setOwnerEvict(handle, true)
        #expect(tpm.isTrue(.keyStatus, subCap) == true)
        #expect(tpm.capability(.keyStatus, be32(KeyHandle.srk.rawValue)) == .failure(.invalidKeyHandle))
        #expect(tpm.capability(.keyStatus, be32(handle.rawValue ^ 1)) == .failure(.invalidKeyHandle))
    }

    @Test func nvAreasAreListedAndDescribedWithTheirLocks() throws {
        let tpm = OwnedTPM()
        #expect(tpm.capability(.nvList, []) == .success([]))
        #expect(tpm.capability(.nvIndex, be32(0x1_0002)) == .failure(.badIndex))
        let info = NVDataPublic.area(0x1_0002, [.writeSTClear, .readSTClear, .ppWrite], size: 5)
        try tpm.define(info)
        try tpm.define(.area(0x1_0001, [.ppWrite], size: 1))
        #expect(tpm.capability(.nvList, []) == .success(be32(0x1_0001) + be32(0x1_0002)))
        #expect(tpm.capability(.nvIndex, be32(0x1_0002)) == .success(try info.encoded()))
        var locked = info
        _ = try tpm.client.execute(NVWriteValue.self, .init(nvIndex: 0x1_0002, offset: 0, data: []))
        _ = try tpm.client.execute(NVReadValue.self, .init(nvIndex: 0x1_0002, offset: 0, dataSize: 0))
        (locked.bReadSTClear, locked.bWriteSTClear, locked.bWriteDefine) = (true, true, true)
        #expect(tpm.capability(.nvIndex, be32(0x1_0002)) == .success(try locked.encoded()))
        // The start opens the volatile locks.
        try tpm.restart()
        (locked.bReadSTClear, locked.bWriteSTClear) = (false, false)
        #expect(tpm.capability(.nvIndex, be32(0x1_0002)) == .success(try locked.encoded()))
        // The register of 1.1 was never defined.
        #expect(tpm.capability(.nvIndex, be32(0x1000_0001)) == .failure(.badIndex))
    }

    // MARK: Failure mode

    @Test func inFailureModeOnlyTheNeedfulIsTold() {
        let tpm = OwnedTPM()
        let told: [(CapabilityArea, [UInt8])] = [
            (.version, []), (.versionVal, []), (.mfr, []), (.property, be32(0x103)), (.property, be32(0x120)),
            (.property, be32(0x115)),
        ]
        let untold: [(CapabilityArea, [UInt8])] = [
            (.ord, be32(1)), (.flag, be32(0x108)), (.property, be32(0x101)), (.property, be32(0x111)), (.nvList, []),
            (.keyHandle, []), (.daLogic, be16(2)),
        ]
        let before = told.map { tpm.capability($0, $1) }
        tpm.tpm.fail()
        #expect(told.map { tpm.capability($0, $1) } == before)
        for (area, subCap) in untold { #expect(tpm.capability(area, subCap) == .failure(.failedSelfTest), "\(area)") }
        #expect(tpm.capability(0x99, []) == .failure(.badMode))
        // A TPM that failed before TPM_Startup gets none, and tells as much.
        tpm.tpm.state.any.postInitialise = true
        #expect(told.map { tpm.capability($0, $1) } == before)
        #expect(tpm.code(Startup.self, .init(.clear)) == .failedSelfTest)
    }
}
