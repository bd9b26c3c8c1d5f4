import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

/// TPM_TakeOwnership (Part 3, 6.1).
@Suite struct TakeOwnershipTests {
    private func code(
        on tpm: OwnedTPM, srk: Key = OwnedTPM.template(.storage), changing change: (inout TakeOwnership.Request) -> Void
    ) throws -> TPMResult? {
        var request = try tpm.takeOwnership(srk: srk)
        change(&request)
        return tpm.code(TakeOwnership.self, request, try tpm.ownerSession())
    }

    @Test func theSharedChecksPass() throws {
        let tpm = OwnedTPM(.endorsed)
        let request = try tpm.takeOwnership()
        // A cut parameter block of the key is one of a wrong property.
        try check(
            TakeOwnership.self, request, on: tpm, try tpm.ownerSession(),
            sizeErrors: [.badParamSize, .badKeyProperty])
    }

    @Test(arguments: [Key.Form.key11, .key12]) func theOwnerBringsAnSRKOfTheFormThatCameIn(_ form: Key.Form) throws {
        let tpm = OwnedTPM(.endorsed)
        let before = tpm.tpm.state.permanent.blobSecrets
        let session = try tpm.ownerSession()
        let srkPub = try tpm.client.execute(
            TakeOwnership.self, try tpm.takeOwnership(srk: OwnedTPM.template(.storage, form: form)), session
        ).srkPub
        #expect(session.isOpen)
        #expect(srkPub.form == form)
        #expect(srkPub.encData.isEmpty)
        #expect(srkPub.pubKey.key.count == 256)
        let permanent = tpm.tpm.state.permanent
        #expect(permanent.ownership?.ownerAuth == tpm.ownerAuth)
        #expect(permanent.ownership?.srk.usageAuth == tpm.srkAuth)
        #expect(permanent.ownership?.srk.migrationAuth == permanent.blobSecrets?.tpmProof)
        #expect(permanent.blobSecrets?.tpmProof != before?.tpmProof)
        #expect(!permanent.flags.readPubek)
    }

    @Test func whatStandsInTheWayIsToldInOrder() throws {
        let owned = OwnedTPM()
        owned.tpm.state.permanent.flags.ownership = false
        #expect(try code(on: owned) { _ in } == .ownerSet)
        let closed = OwnedTPM(.endorsed)
        closed.tpm.state.permanent.flags.ownership = false
        #expect(try code(on: closed) { _ in } == .installDisabled)
        closed.tpm.state.permanent.endorsementKey = nil
        closed.tpm.state.permanent.flags.ownership = true
        let request = TakeOwnership.Request(encOwnerAuth: [], encSrkAuth: [], srkParams: OwnedTPM.template(.storage))
        #expect(closed.code(TakeOwnership.self, request, try closed.ownerSession()) == .noEndorsement)
        let tpm = OwnedTPM(.endorsed)
        #expect(try code(on: tpm) { $0.protocolID = .adcp } == .badParameter)
        #expect(try code(on: tpm) { $0.encOwnerAuth = [UInt8](repeating: 1, count: 256) } == .decryptError)
        #expect(!tpm.tpm.state.permanent.hasOwner)
    }

    @Test func theSecretsAreTwentyBytes() throws {
        let tpm = OwnedTPM(.endorsed)
        let short = try tpm.encryptedForEK(Secret(count: 19))
        #expect(try code(on: tpm) { $0.encOwnerAuth = short } == .badKeyProperty)
        #expect(try code(on: tpm) { $0.encSrkAuth = short } == .badKeyProperty)
        #expect(!tpm.tpm.state.permanent.hasOwner)
        #expect(tpm.tpm.state.permanent.flags.readPubek)
    }

    @Test func onlyAStorageKeyOf2048BitsThatStaysBecomesTheSRK() throws {
        let tpm = OwnedTPM(.endorsed)
        var exponent = OwnedTPM.template(.storage)
        exponent.algorithmParms.parms = .rsa(RSAKeyParms(keyLength: 2048, numPrimes: 2, exponent: [1, 0, 1]))
        let cases: [(Key, TPMResult)] = [
            (OwnedTPM.template(.signing), .invalidKeyUsage),
            (OwnedTPM.template(.storage, flags: .migratable), .invalidKeyUsage),
            (OwnedTPM.template(.storage, encScheme: .rsaesPKCSv15), .badKeyProperty),
            (OwnedTPM.template(.storage, sigScheme: .rsassaPKCS1v15SHA1), .badKeyProperty),
            (OwnedTPM.template(.storage, bits: 1024), .badKeyProperty),
            (exponent, .badKeyProperty),
        ]
        for (srk, expected) in cases { #expect(try code(on: tpm, srk: srk) { _ in } == expected) }
        #expect(!tpm.tpm.state.permanent.hasOwner)
    }

    @Test func inFIPSModeTheSRKNeedsAuthorization() throws {
        let tpm = OwnedTPM(.endorsed)
        tpm.tpm.state.permanent.flags.fips = true
        let srk = OwnedTPM.template(.storage, authDataUsage: .never)
        #expect(try code(on: tpm, srk: srk) { _ in } == .notFIPS)
        tpm.tpm.state.permanent.flags.fips = false
        #expect(try code(on: tpm, srk: srk) { _ in } == .success)
    }
}

/// Clearing the owner (Part 3, 6.2 to 6.5).
@Suite struct ClearTests {
    @Test func theSharedChecksPass() throws {
        let tpm = OwnedTPM()
        tpm.physicalPresence = true
        try check(OwnerClear.self, .init(), on: tpm, try tpm.ownerSession())
        try check(ForceClear.self, .init(), on: tpm)
        try check(DisableOwnerClear.self, .init(), on: tpm, try tpm.ownerSession())
        try check(DisableForceClear.self, .init(), on: tpm)
    }

    private func area(_ index: UInt32, _ attributes: NVPermissions, on tpm: OwnedTPM) {
        var info = NVDataPublic()
        info.nvIndex = index
        info.permission = NVAttributes(attributes: attributes)
        tpm.tpm.state.permanent.nv.areas[index] = NVArea(pubInfo: info, authValue: Secret(count: 20), data: [])
        tpm.tpm.state.clear.nvLocks[index] = NVLocks()
    }

    /// A TPM with something of everything that a clear has to do with.
    private func usedTPM() throws -> OwnedTPM {
        let tpm = OwnedTPM()
        tpm.physicalPresence = true
        try tpm.client.execute(SetOperatorAuth.self, .init(operatorAuth: OwnedTPM.keyAuth))
        try tpm.client.execute(Extend.self, .init(pcrNum: 2, inDigest: .zero))
        _ = try tpm.newKey(OwnedTPM.template(.storage))
        area(0x0001_0001, .ownerWrite, on: tpm)
        area(0x0001_0002, .ownerRead, on: tpm)
        area(0x0001_0003, .authWrite, on: tpm)
        area(0x1000_0004, .ownerWrite, on: tpm)
        tpm.tpm.state.permanent.authDIR = Digest(repeating: 5)
        tpm.tpm.state.permanent.noOwnerNVWrite = 9
        tpm.tpm.state.permanent.restrictDelegate = .signing
        tpm.tpm.state.permanent.flags.maintenanceDone = true
        tpm.tpm.state.permanent.flags.ownership = false
        tpm.tpm.state.permanent.flags.readSRKPub = true
        tpm.tpm.state.permanent.flags.disableFullDALogicInfo = true
        tpm.tpm.state.clear.deferredPhysicalPresence = 1
        tpm.tpm.state.clear.contextNonceKey = Digest(repeating: 6)
        return tpm
    }

    private func expectCleared(_ tpm: OwnedTPM, since before: TPMState) {
        let permanent = tpm.tpm.state.permanent
        #expect(!permanent.hasOwner && permanent.blobSecrets == nil && permanent.operatorAuth == nil)
        #expect(permanent.noOwnerNVWrite == 0 && permanent.restrictDelegate == [])
        // What came with the TPM stays.
        #expect(permanent.endorsementKey?.key == before.permanent.endorsementKey?.key)
        #expect(permanent.ekReset == OwnedTPM.ekReset)
        #expect(permanent.daa?.daaProof == before.permanent.daa?.daaProof)
        #expect(permanent.authDIR == Digest(repeating: 5))
        let flags = permanent.flags
        #expect(flags.disable && flags.deactivated && flags.readPubek && flags.ownership && flags.allowMaintenance)
        #expect(!flags.disableOwnerClear && !flags.operator && !flags.maintenanceDone && !flags.readSRKPub)
        #expect(!flags.disableFullDALogicInfo)
        #expect(flags.physicalPresenceCMDEnable && flags.cekpUsed && flags.enableRevokeEK)
        #expect(permanent.nv.areas.keys.sorted() == [0x0001_0003, 0x1000_0004])
        let clear = tpm.tpm.state.clear
        #expect(clear.nvLocks.keys.sorted() == [0x0001_0003, 0x1000_0004])
        #expect(clear.pcrs == before.clear.pcrs)
        #expect(clear.flags == before.clear.flags)
        #expect(clear.contextNonceKey == .zero && clear.deferredPhysicalPresence == 0)
        #expect(tpm.tpm.state.keys.handles.isEmpty)
        #expect(tpm.tpm.state.any.sessions.sessions.isEmpty)
    }

    @Test func theOwnerClearsWhatTheOwnerBrought() throws {
        let tpm = try usedTPM()
        let before = tpm.tpm.state
        let session = try tpm.ownerSession()
        try tpm.client.execute(OwnerClear.self, .init(), session)
        // The answer says that the session is over, though the caller wanted it to go on.
        #expect(!session.isOpen)
        expectCleared(tpm, since: before)
    }

    @Test func presenceClearsTheSame() throws {
        let tpm = try usedTPM()
        let before = tpm.tpm.state
        _ = try tpm.ownerSession()
        try tpm.client.execute(ForceClear.self, .init())
        expectCleared(tpm, since: before)
    }

    @Test func forceClearTakesPresenceAndNoOwner() {
        let tpm = OwnedTPM()
        #expect(tpm.code(ForceClear.self, .init()) == .badPresence)
        let unowned = OwnedTPM(.started)
        unowned.physicalPresence = true
        #expect(unowned.code(ForceClear.self, .init()) == .success)
    }

    @Test func ownerClearStaysClosedUntilPresenceClears() throws {
        let tpm = OwnedTPM()
        try tpm.client.execute(DisableOwnerClear.self, .init(), try tpm.ownerSession())
        #expect(tpm.code(OwnerClear.self, .init(), try tpm.ownerSession()) == .clearDisabled)
        // The secret is looked at first.
        #expect(tpm.code(OwnerClear.self, .init(), try tpm.srkSession()) == .authFail)
        try tpm.restart()
        #expect(tpm.code(OwnerClear.self, .init(), try tpm.ownerSession()) == .clearDisabled)
        tpm.physicalPresence = true
        #expect(tpm.code(ForceClear.self, .init()) == .success)
        #expect(!tpm.tpm.state.permanent.flags.disableOwnerClear)
    }

    @Test func forceClearStaysClosedUntilTheNextStart() throws {
        let tpm = OwnedTPM()
        tpm.physicalPresence = true
        #expect(tpm.code(DisableForceClear.self, .init()) == .success)
        #expect(tpm.code(ForceClear.self, .init()) == .clearDisabled)
        try tpm.restart()
        tpm.physicalPresence = true
        #expect(tpm.code(ForceClear.self, .init()) == .success)
    }
}

/// TSC_PhysicalPresence and TSC_ResetEstablishmentBit (Part 3, 6.6 and 6.7).
@Suite struct PhysicalPresenceTests {
    private func code(_ presence: PhysicalPresence, on tpm: OwnedTPM) -> TPMResult? {
        tpm.code(TSCPhysicalPresence.self, .init(physicalPresence: presence))
    }

    @Test func theSharedChecksPass() throws {
        let tpm = OwnedTPM()
        tpm.physicalPresence = true
        try check(TSCPhysicalPresence.self, .init(physicalPresence: .present), on: tpm)
        tpm.locality = .three
        try check(TSCResetEstablishmentBit.self, .init(), on: tpm)
    }

    @Test func settingsThatContradictEachOtherAreRefused() {
        let cases: [PhysicalPresence] = [
            [], [.hwEnable, .hwDisable], [.cmdEnable, .cmdDisable], [.cmdEnable, .present], [.lifetimeLock, .lock],
            [.lock, .present], [.present, .notPresent], PhysicalPresence(rawValue: 0x0400),
        ]
        for presence in cases {
            let tpm = OwnedTPM(.started)
            tpm.physicalPresence = false
            #expect(code(presence, on: tpm) == .badParameter)
        }
    }

    @Test func theLifetimeSettingsEndWithTheirLock() {
        let tpm = OwnedTPM(.started)
        #expect(code(.present, on: tpm) == .badParameter)
        #expect(code([.cmdEnable, .hwEnable], on: tpm) == .success)
        #expect(tpm.tpm.state.permanent.flags.physicalPresenceCMDEnable)
        #expect(tpm.tpm.state.permanent.flags.physicalPresenceHWEnable)
        #expect(code([.hwDisable, .lifetimeLock], on: tpm) == .success)
        #expect(!tpm.tpm.state.permanent.flags.physicalPresenceHWEnable)
        #expect(tpm.tpm.state.permanent.flags.physicalPresenceLifetimeLock)
        #expect(code(.cmdDisable, on: tpm) == .badParameter)
        #expect(code(.present, on: tpm) == .success)
    }

    @Test func presenceIsAssertedAndLockedUntilTheNextStart() throws {
        let tpm = OwnedTPM(.started)
        #expect(code(.cmdEnable, on: tpm) == .success)
        #expect(code(.present, on: tpm) == .success)
        #expect(tpm.code(PhysicalEnable.self, .init()) == .success)
        #expect(code(.notPresent, on: tpm) == .success)
        #expect(tpm.code(PhysicalEnable.self, .init()) == .badPresence)
        #expect(code([.lock, .notPresent], on: tpm) == .success)
        #expect(code(.present, on: tpm) == .badParameter)
        try tpm.restart()
        #expect(code(.present, on: tpm) == .success)
    }

    @Test func theHardwaresSignalCountsWhenItIsEnabled() {
        let tpm = OwnedTPM(.started)
        tpm.tpm.environment.physicalPresence = true
        #expect(tpm.code(PhysicalEnable.self, .init()) == .badPresence)
        #expect(code(.hwEnable, on: tpm) == .success)
        #expect(tpm.code(PhysicalEnable.self, .init()) == .success)
        // A command that was asserted counts no more when it is disabled.
        tpm.tpm.environment.physicalPresence = false
        #expect(code(.cmdEnable, on: tpm) == .success)
        #expect(code(.present, on: tpm) == .success)
        #expect(code(.cmdDisable, on: tpm) == .success)
        #expect(tpm.code(PhysicalEnable.self, .init()) == .badPresence)
    }

    @Test func theEstablishmentBitIsResetByADynamicLaunchAlone() {
        for locality in Locality.allCases {
            let tpm = OwnedTPM(.started)
            tpm.tpm.state.permanent.flags.tpmEstablished = true
            tpm.locality = locality
            let isAllowed = locality == .three || locality == .four
            #expect(tpm.code(TSCResetEstablishmentBit.self, .init()) == (isAllowed ? .success : .badLocality))
            #expect(tpm.tpm.state.permanent.flags.tpmEstablished != isAllowed)
        }
    }
}
