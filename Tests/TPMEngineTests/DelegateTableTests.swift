import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

/// TPM_Delegate_LoadOwnerDelegation, TPM_Delegate_ReadTable, TPM_Delegate_UpdateVerification and
/// TPM_Delegate_VerifyDelegation (Part 3, 19.4 to 19.7).
@Suite struct DelegateTableTests {
    private let reading = Delegations(delegateType: .owner, [.ownerReadInternalPub])

    /// A blob as anybody can write one while there is no owner (Part 2, 20.11).
    private func plainBlob(_ permissions: Delegations, _ family: UInt32, tag: UInt8 = 0x26) -> DelegateOwnerBlob {
        var info = OwnedTPM.info(permissions, family)
        info.verificationCount = 1
        return DelegateOwnerBlob(
            pub: info, integrityDigest: .zero, additionalArea: [],
            sensitiveArea: Secret([0, tag] + OwnedTPM.delegateAuth.bytes))
    }

    private func load(
        _ blob: DelegateOwnerBlob, _ row: UInt32 = 0, on tpm: OwnedTPM, _ sessions: Session...
    ) -> TPMResult? {
        tpm.result {
            _ = try tpm.client.execute(
                DelegateLoadOwnerDelegation.self, .init(index: row, blob: blob), sessions: sessions)
        }
    }

    private func verify(_ blob: some WireStructure, on tpm: OwnedTPM) throws -> TPMResult? {
        tpm.code(DelegateVerifyDelegation.self, .init(delegation: try blob.encoded()))
    }

    @Test func theSharedChecksPass() throws {
        let tpm = OwnedTPM()
        let blob = try tpm.ownerDelegation(reading, try tpm.newFamily())
        try check(DelegateLoadOwnerDelegation.self, .init(index: 1, blob: blob), on: tpm, try tpm.ownerSession())
        try check(DelegateReadTable.self, .init(), on: tpm)
        try check(
            DelegateUpdateVerification.self, .init(inputData: try blob.encoded()), on: tpm, try tpm.ownerSession())
        try check(DelegateVerifyDelegation.self, .init(delegation: try blob.encoded()), on: tpm)
        let unowned = OwnedTPM(.endorsed)
        let family = try unowned.newFamily()
        try check(
            DelegateLoadOwnerDelegation.self, .init(index: 1, blob: plainBlob(reading, family)), on: unowned)
    }

    // MARK: Loading

    @Test func everyRowTakesADelegationAndCanBeWrittenAgain() throws {
        let tpm = OwnedTPM()
        let family = try tpm.newFamily()
        let rows = try #require(tpm.number(.delegateRow))
        #expect(rows == 4)
        let blob = try tpm.ownerDelegation(reading, family)
        for row in 0..<rows {
            #expect(load(blob, row, on: tpm, try tpm.ownerSession()) == .success)
            #expect(tpm.lastOutcome?.changesPermanentState == true)
        }
        #expect(load(blob, rows, on: tpm, try tpm.ownerSession()) == .badIndex)
        #expect(load(blob, .max, on: tpm, try tpm.ownerSession()) == .badIndex)
        #expect(tpm.readsInternalPub(try tpm.dsap(row: 3)) == .success)
        let other = try tpm.ownerDelegation(.ownerClear, in: family)
        #expect(load(other, 3, on: tpm, try tpm.ownerSession()) == .success)
        #expect(tpm.readsInternalPub(try tpm.dsap(row: 3)) == .disabledCmd)
        #expect(tpm.readsInternalPub(try tpm.dsap(row: 2)) == .success)
    }

    @Test func whatIsNoDelegationOfThisTPMIsRefused() throws {
        let tpm = OwnedTPM()
        let family = try tpm.newFamily()
        let blob = try tpm.ownerDelegation(reading, family)
        func code(_ change: (inout DelegateOwnerBlob) -> Void) throws -> TPMResult? {
            var changed = blob
            change(&changed)
            return load(changed, on: tpm, try tpm.ownerSession())
        }
        #expect(try code { $0.pub.familyID = 77 } == .badIndex)
        #expect(try code { $0.pub.permissions.per1 = .max } == .authFail)
        #expect(try code { $0.pub.verificationCount += 1 } == .authFail)
        #expect(try code { $0.pub.pcrInfo.localityAtRelease = .one } == .authFail)
        #expect(try code { $0.integrityDigest = .zero } == .authFail)
        #expect(try code { $0.additionalArea[0] ^= 1 } == .authFail)
        #expect(try code { $0.additionalArea = [] } == .authFail)
        #expect(try code { $0.sensitiveArea = Secret([UInt8](repeating: 0, count: 22)) } == .authFail)
        #expect(try code { $0.pub.permissions.delegateType = .key } == .invalidStructure)
        #expect(load(plainBlob(reading, family), on: tpm, try tpm.ownerSession()) == .authFail)
        #expect(load(blob, on: tpm) == .authFail)
        // None of it was a guess at the owner's secret.
        #expect(tpm.tpm.state.permanent.failedAuthorizations == 0)
        #expect(tpm.delegationTables.rows.isEmpty)
        try tpm.client.setFamily(family, enabled: false, owner: tpm.ownerAuth)
        #expect(try code { _ in } == .disabledCmd)
    }

    @Test func aDelegationOfAnotherOwnerIsNone() throws {
        let tpm = OwnedTPM()
        _ = try tpm.newFamily()
        let old = try tpm.ownerDelegation(reading, 1)
        try tpm.changeOwner()
        #expect(load(old, on: tpm, try tpm.ownerSession()) == .badIndex)
        let family = try tpm.newFamily()
        // Numbers go on, so that it is not even of the same family.
        #expect(family == 2)
        var moved = old
        moved.pub.familyID = family
        #expect(load(moved, on: tpm, try tpm.ownerSession()) == .authFail)
        #expect(tpm.result { _ = try tpm.dsap(moved) } == .authFail)
    }

    /// The blob is stored whatever its count; it is its use that fails (Part 1, 29.2).
    @Test func anOutdatedDelegationIsLoadedButNotUsed() throws {
        let tpm = OwnedTPM()
        let family = try tpm.newFamily()
        let old = try tpm.ownerDelegation(reading, family)
        _ = try tpm.ownerDelegation(reading, family, increment: true)
        #expect(load(old, on: tpm, try tpm.ownerSession()) == .success)
        #expect(tpm.result { _ = try tpm.dsap(row: 0) } == .familyCount)
        try tpm.client.execute(
            DelegateUpdateVerification.self, .init(inputData: be32(0)), authorizedBy: tpm.ownerAuth)
        #expect(tpm.readsInternalPub(try tpm.dsap(row: 0)) == .success)
    }

    @Test func loadingEndsEveryDelegatedSession() throws {
        let tpm = OwnedTPM()
        let family = try tpm.newFamily()
        let blob = try tpm.ownerDelegation(.all(.owner), family)
        #expect(load(blob, 1, on: tpm, try tpm.ownerSession()) == .success)
        let (loading, other) = (try tpm.dsap(blob), try tpm.dsap(row: 1))
        let ownersOwn = try tpm.ownerOSAP()
        try tpm.client.setOwnerPointer(row: 1)
        let pointed = try tpm.client.osap(.owner, secret: OwnedTPM.delegateAuth)
        #expect(load(blob, 0, on: tpm, loading) == .success)
        #expect(!loading.isOpen)
        for session in [loading, other, pointed] { #expect(!tpm.isOpen(session)) }
        #expect(tpm.isOpen(ownersOwn))
        #expect(tpm.tpm.state.clear.ownerReference == .owner)
    }

    @Test func aDelegateLoadsDelegationsOfItsFamily() throws {
        let tpm = OwnedTPM()
        let (family, other) = (try tpm.newFamily(), try tpm.newFamily())
        let loader = try tpm.ownerDelegation(.delegateLoadOwnerDelegation, in: family)
        #expect(load(try tpm.ownerDelegation(reading, family), on: tpm, try tpm.dsap(loader)) == .success)
        #expect(load(try tpm.ownerDelegation(reading, other), on: tpm, try tpm.dsap(loader)) == .delegateFamily)
    }

    // MARK: Without an owner

    @Test func withoutAnOwnerADelegationIsLoadedInTheClearAndServesTheOwnerToCome() throws {
        let tpm = OwnedTPM(.endorsed)
        let family = try tpm.newFamily()
        #expect(tpm.tpm.state.permanent.noOwnerNVWrite == 2)
        #expect(load(plainBlob(reading, family), 1, on: tpm) == .success)
        #expect(tpm.tpm.state.permanent.noOwnerNVWrite == 3)
        #expect(load(plainBlob(reading, family), 1, on: tpm, try tpm.ownerSession()) == .authFail)
        try tpm.client.execute(TakeOwnership.self, try tpm.takeOwnership(), try tpm.ownerSession(continues: false))
        #expect(tpm.readsInternalPub(try tpm.dsap(row: 1)) == .success)
        #expect(tpm.code(OwnerClear.self, .init(), try tpm.dsap(row: 1)) == .disabledCmd)
    }

    @Test func withoutAnOwnerTheSameIsRefused() throws {
        let tpm = OwnedTPM(.endorsed)
        let family = try tpm.newFamily()
        let blob = plainBlob(reading, family)
        #expect(load(plainBlob(reading, 77), on: tpm) == .badIndex)
        #expect(load(plainBlob(reading, family, tag: 0x27), on: tpm) == .invalidStructure)
        var short = blob
        short.sensitiveArea = Secret([0, 0x26])
        #expect(load(short, on: tpm) == .badParamSize)
        #expect(load(blob, 4, on: tpm) == .badIndex)
        #expect(load(plainBlob(Delegations(delegateType: .key, per1: 1), family), on: tpm) == .invalidStructure)
        tpm.tpm.state.permanent.noOwnerNVWrite = UInt32(DataLimits.maxNVWriteNoOwner)
        #expect(load(blob, on: tpm) == .maxNVWrites)
        tpm.tpm.state.permanent.noOwnerNVWrite = 0
        try tpm.client.setFamily(family, enabled: false)
        #expect(load(blob, on: tpm) == .disabledCmd)
        try tpm.client.setFamily(family, locked: true)
        #expect(load(blob, on: tpm) == .delegateLock)
        #expect(tpm.delegationTables.rows.isEmpty)
    }

    // MARK: Reading

    @Test func everybodyReadsThePublicPartsOfBothTables() throws {
        let tpm = OwnedTPM()
        #expect(tpm.tpm.send(DelegateReadTable.self, .init()) == .success(.init(families: [], rows: [])))
        let (family, off) = (try tpm.newFamily(0x61), try tpm.newFamily(0x62, enabled: false))
        let blob = try tpm.ownerDelegation(reading, family)
        for row in [3, 1] as [UInt32] { try tpm.client.load(blob, row: row, owner: tpm.ownerAuth) }
        let read = try tpm.client.delegations()
        #expect(
            read.families == [
                FamilyTableEntry(familyLabel: 0x61, familyID: family, verificationCount: 1, flags: .enabled),
                FamilyTableEntry(familyLabel: 0x62, familyID: off, verificationCount: 1, flags: []),
            ])
        #expect(read.rows == [DelegatePublicRow(index: 1, pub: blob.pub), DelegatePublicRow(index: 3, pub: blob.pub)])
    }

    // MARK: Verification

    @Test func aBlobIsBroughtUpToDate() throws {
        let tpm = OwnedTPM()
        let family = try tpm.newFamily()
        let old = try tpm.ownerDelegation(reading, family)
        let oldKey = try tpm.keyDelegation(.srk, .all(.key), family)
        _ = try tpm.ownerDelegation(reading, family, increment: true)
        #expect(try verify(old, on: tpm) == .familyCount)
        #expect(try verify(oldKey, on: tpm) == .familyCount)
        func update(_ blob: some WireStructure) throws -> [UInt8] {
            try tpm.client.execute(
                DelegateUpdateVerification.self, .init(inputData: try blob.encoded()), authorizedBy: tpm.ownerAuth
            ).outputData
        }
        let new = try WireDecoder.decode(DelegateOwnerBlob.self, from: try update(old))
        #expect(new.pub.verificationCount == 2 && new.sensitiveArea == old.sensitiveArea)
        #expect(try verify(new, on: tpm) == .success)
        #expect(tpm.readsInternalPub(try tpm.dsap(new)) == .success)
        let newKey = try WireDecoder.decode(DelegateKeyBlob.self, from: try update(oldKey))
        #expect(try verify(newKey, on: tpm) == .success)
        #expect(newKey.pubKeyDigest == oldKey.pubKeyDigest)
    }

    @Test func whatIsNoneIsNotBroughtUpToDate() throws {
        let tpm = OwnedTPM()
        let (family, other) = (try tpm.newFamily(), try tpm.newFamily())
        let blob = try tpm.ownerDelegation(reading, family)
        func update(_ bytes: [UInt8], _ session: Session? = nil) throws -> TPMResult? {
            tpm.code(DelegateUpdateVerification.self, .init(inputData: bytes), try session ?? tpm.ownerSession())
        }
        var forged = blob
        forged.pub.permissions.per1 = .max
        #expect(try update(try forged.encoded()) == .authFail)
        for bytes in [[0, 0, 0, 0, 0], [0, 0x25] + be32(1)] {
            #expect(try update(bytes) == .badParameter, "\(bytes.count) bytes")
        }
        for bytes in [[], [1], Array(try blob.encoded().dropLast()), try blob.encoded() + [0]] {
            #expect(try update(bytes) == .badParamSize, "\(bytes.count) bytes")
        }
        #expect(try update(be32(0)) == .badIndex)
        #expect(try update(be32(4)) == .badIndex)
        let updater = try tpm.ownerDelegation(.delegateUpdateVerification, in: other)
        #expect(try update(try blob.encoded(), try tpm.dsap(updater)) == .delegateFamily)
        #expect(try update(try updater.encoded(), try tpm.dsap(updater)) == .success)
        try tpm.client.invalidateFamily(family, owner: tpm.ownerAuth)
        #expect(try update(try blob.encoded()) == .badIndex)
    }

    @Test func aBlobIsVerifiedInOrder() throws {
        let tpm = OwnedTPM()
        let family = try tpm.newFamily()
        let blob = try tpm.ownerDelegation(reading, family)
        let key = try tpm.keyDelegation(.srk, .all(.key), family)
        #expect(try verify(blob, on: tpm) == .success)
        #expect(try verify(key, on: tpm) == .success)
        var forged = blob
        forged.pub.permissions.per1 = .max
        #expect(try verify(forged, on: tpm) == .authFail)
        var forgedKey = key
        forgedKey.pubKeyDigest = .zero
        #expect(try verify(forgedKey, on: tpm) == .authFail)
        // The family comes before the integrity.
        forged.pub.verificationCount += 1
        #expect(try verify(forged, on: tpm) == .familyCount)
        try tpm.client.setFamily(family, enabled: false, owner: tpm.ownerAuth)
        #expect(try verify(forged, on: tpm) == .disabledCmd)
        forged.pub.familyID = 77
        #expect(try verify(forged, on: tpm) == .badIndex)
        #expect(tpm.code(DelegateVerifyDelegation.self, .init(delegation: [0, 0x1b])) == .badParameter)
        for bytes in [[], [0], [0, 0x2a], Array(try blob.encoded().dropLast()), try key.encoded() + [0]] {
            #expect(tpm.code(DelegateVerifyDelegation.self, .init(delegation: bytes)) == .badParamSize)
        }
    }

    /// Actions 9 and 10: a blob of this TPM's making that holds no secret, as only tpmProof could make it.
    @Test func aBlobWithoutASecretIsBadParameter() throws {
        let tpm = OwnedTPM()
        var blob = try tpm.ownerDelegation(reading, try tpm.newFamily())
        blob.sensitiveArea = Secret([UInt8](repeating: 0, count: 22))
        blob.integrityDigest = .zero
        let proof = try #require(tpm.tpm.state.permanent.blobSecrets?.tpmProof)
        blob.integrityDigest = HMAC.authenticate(key: proof, try blob.encoded())
        #expect(try verify(blob, on: tpm) == .badParameter)
        #expect(tpm.result { _ = try tpm.dsap(blob) } == .badDelegate)
        #expect(load(blob, on: tpm, try tpm.ownerSession()) == .invalidStructure)
    }
}
