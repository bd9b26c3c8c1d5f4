import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

private typealias Owner = DelegateCreateOwnerDelegation
private typealias OfKey = DelegateCreateKeyDelegation

/// TPM_Delegate_CreateOwnerDelegation and TPM_Delegate_CreateKeyDelegation (Part 3, 19.2 and 19.3).
@Suite struct CreateDelegationTests {
    private let reading = Delegations(delegateType: .owner, [.ownerReadInternalPub])
    private let signing = Delegations(delegateType: .key, [.sign])

    private func ownerRequest(
        _ permissions: Delegations, _ family: UInt32, _ session: Session, increment: Bool = false
    ) throws -> Owner.Request {
        .init(
            increment: increment, publicInfo: OwnedTPM.info(permissions, family),
            delAuth: try session.hide(OwnedTPM.delegateAuth))
    }

    private func keyRequest(
        _ key: KeyHandle, _ permissions: Delegations, _ family: UInt32, _ session: Session
    ) throws -> OfKey.Request {
        .init(
            keyHandle: key, publicInfo: OwnedTPM.info(permissions, family),
            delAuth: try session.hide(OwnedTPM.delegateAuth))
    }

    @Test func theSharedChecksPass() throws {
        let tpm = OwnedTPM()
        let family = try tpm.newFamily()
        let owner = try tpm.ownerOSAP()
        try check(Owner.self, try ownerRequest(reading, family, owner), on: tpm, owner)
        let key = try tpm.newKey(OwnedTPM.template(.signing))
        let session = try tpm.keyOSAP(key, continues: true)
        try check(OfKey.self, try keyRequest(key, signing, family, session), on: tpm, session)
    }

    // MARK: The blobs

    /// Part 2, 20.12, by the bytes: what stands where, and the HMAC over all of it.
    @Test func anOwnersBlobIsWhatWasAskedForUnderTheFamilysCount() throws {
        let tpm = OwnedTPM()
        let family = try tpm.newFamily()
        var info = OwnedTPM.info(reading, family, pcrInfo: try .pcr(3, .zero))
        info.verificationCount = 99
        let blob = try tpm.client.delegateOwner(info, to: OwnedTPM.delegateAuth, owner: tpm.ownerAuth)
        info.verificationCount = 1
        #expect(blob.pub == info)
        #expect(blob.additionalArea.count == 16)
        #expect(blob.sensitiveArea.count == 22)
        let proof = try #require(tpm.tpm.state.permanent.blobSecrets?.tpmProof)
        let pub = try info.encoded()
        let bytes =
            [0, 0x2a] + pub + [UInt8](repeating: 0, count: 20) + be32(16) + blob.additionalArea + be32(22)
            + blob.sensitiveArea.bytes
        #expect(blob.integrityDigest == HMAC.authenticate(key: proof, bytes))
        // The secret is there, for delegateKey alone (Part 2, 20.1), and not twice under the same bytes.
        let key = try #require(tpm.tpm.state.permanent.ownership?.delegateKey)
        let plain = try AES.ctr(key: key, iv: blob.additionalArea, data: blob.sensitiveArea.bytes)
        #expect(plain == [0, 0x26] + OwnedTPM.delegateAuth.bytes)
        let second = try tpm.client.delegateOwner(info, to: OwnedTPM.delegateAuth, owner: tpm.ownerAuth)
        #expect(second.sensitiveArea != blob.sensitiveArea && second.additionalArea != blob.additionalArea)
    }

    /// Part 2, 20.13.
    @Test func aKeysBlobNamesTheKeyByItsPublicPart() throws {
        let tpm = OwnedTPM()
        let family = try tpm.newFamily()
        let key = try tpm.newKey(OwnedTPM.template(.signing, bits: 1024))
        let blob = try tpm.keyDelegation(key, signing, family)
        let modulus = try #require(tpm.tpm.state.keys[key]).key.pubKey.key
        // TPM_STORE_PUBKEY: keyLength, key (Part 2, 10.4).
        #expect(blob.pubKeyDigest == SHA1.hash(be32(128) + modulus))
        #expect(blob.pub.verificationCount == 1)
        let proof = try #require(tpm.tpm.state.permanent.blobSecrets?.tpmProof)
        let bytes =
            [0, 0x27] + (try blob.pub.encoded()) + [UInt8](repeating: 0, count: 20) + blob.pubKeyDigest.bytes
            + be32(16) + blob.additionalArea + be32(22) + blob.sensitiveArea
        #expect(blob.integrityDigest == HMAC.authenticate(key: proof, bytes))
    }

    @Test(arguments: ADIPScheme.allCases) func theSecretTravelsUnderEveryScheme(_ scheme: ADIPScheme) throws {
        let tpm = OwnedTPM()
        let family = try tpm.newFamily()
        let session = try tpm.ownerOSAP(scheme)
        let blob = try #require(
            try tpm.client.execute(Owner.self, try ownerRequest(reading, family, session), session).blob)
        // The session ends, whatever the caller asked for.
        #expect(!session.isOpen && !tpm.isOpen(session))
        #expect(tpm.readsInternalPub(try tpm.dsap(blob)) == .success)
    }

    @Test func noBitAtAllAndADisabledFamilyAreFine() throws {
        let tpm = OwnedTPM()
        let family = try tpm.newFamily(enabled: false)
        _ = try tpm.ownerDelegation(Delegations(delegateType: .owner, per1: 0), family)
        _ = try tpm.keyDelegation(.srk, signing, family)
    }

    // MARK: What is refused

    @Test func whatDoesNotFitIsRefused() throws {
        let tpm = OwnedTPM()
        let family = try tpm.newFamily()
        let owner = { (permissions: Delegations, family: UInt32) in
            tpm.result { _ = try tpm.ownerDelegation(permissions, family) }
        }
        #expect(owner(reading, 77) == .badIndex)
        #expect(owner(signing, family) == .badParameter)
        let key = { (permissions: Delegations, family: UInt32) in
            tpm.result { _ = try tpm.keyDelegation(.srk, permissions, family) }
        }
        #expect(key(signing, 77) == .badIndex)
        #expect(key(reading, family) == .badParameter)
        #expect(tpm.result { _ = try tpm.keyDelegation(KeyHandle(rawValue: 5), signing, family) } == .invalidKeyHandle)
    }

    @Test func aSessionWithoutSharedSecretIsRefused() throws {
        let tpm = OwnedTPM()
        let family = try tpm.newFamily()
        let info = OwnedTPM.info(reading, family)
        #expect(
            tpm.code(Owner.self, .init(publicInfo: info, delAuth: OwnedTPM.delegateAuth), try tpm.ownerSession())
                == .invalidAuthHandle)
        #expect(
            tpm.code(
                OfKey.self,
                .init(
                    keyHandle: .srk, publicInfo: OwnedTPM.info(signing, family), delAuth: OwnedTPM.delegateAuth),
                try tpm.srkSession()) == .invalidAuthHandle)
    }

    /// Part 3, 19.2 description 1.
    @Test func delegatingAKeyIsNoUseOfIt() throws {
        let tpm = OwnedTPM()
        let family = try tpm.newFamily()
        let key = try tpm.newKey(
            OwnedTPM.template(.signing, pcrInfo: .long(tpm.pcrInfoLong(1, localities: .two))))
        try tpm.extend(1)
        let blob = try tpm.keyDelegation(key, signing, family)
        // The uses that are delegated are uses.
        #expect(tpm.signs(key, try tpm.dsap(blob, key)) == .wrongPCRVal)
    }

    @Test func aKeyThatNeedsNoAuthorizationIsNotDelegatedWithoutIt() throws {
        let tpm = OwnedTPM()
        let family = try tpm.newFamily()
        let key = try tpm.newKey(OwnedTPM.template(.signing, authDataUsage: .never))
        let request = OfKey.Request(
            keyHandle: key, publicInfo: OwnedTPM.info(signing, family), delAuth: OwnedTPM.delegateAuth)
        #expect(tpm.code(OfKey.self, request) == .badTag)
        #expect(tpm.result { _ = try tpm.keyDelegation(key, signing, family) } == .success)
    }

    // MARK: By a delegate

    @Test func aDelegatePassesOnWhatItHasAndNoMore() throws {
        let tpm = OwnedTPM()
        let family = try tpm.newFamily()
        let other = try tpm.newFamily()
        let own = Delegations(delegateType: .owner, [.delegateCreateOwnerDelegation, .ownerReadInternalPub])
        let blob = try tpm.ownerDelegation(own, family)
        func create(_ permissions: Delegations, _ family: UInt32) throws -> TPMResult? {
            let session = try tpm.dsap(blob)
            return tpm.code(Owner.self, try ownerRequest(permissions, family, session), session)
        }
        #expect(try create(reading, family) == .success)
        #expect(try create(own, family) == .success)
        #expect(try create(reading, other) == .delegateFamily)
        #expect(try create(.all(.owner), family) == .authFail)
        #expect(try create(Delegations(delegateType: .owner, [.ownerClear]), family) == .authFail)
        #expect(try create(Delegations(delegateType: .key, per1: 0), family) == .badParameter)
        #expect(try create(.all(.key), family) == .authFail)
        #expect(tpm.tpm.state.permanent.failedAuthorizations == 0)
        let ownKey = Delegations(delegateType: .key, [.delegateCreateKeyDelegation, .sign])
        let keyBlob = try tpm.keyDelegation(.srk, ownKey, family)
        func createForKey(_ permissions: Delegations, _ family: UInt32) throws -> TPMResult? {
            let session = try tpm.dsap(keyBlob, .srk)
            return tpm.code(OfKey.self, try keyRequest(.srk, permissions, family, session), session)
        }
        #expect(try createForKey(signing, family) == .success)
        #expect(try createForKey(signing, other) == .delegateFamily)
        #expect(try createForKey(.all(.key), family) == .authFail)
    }

    // MARK: The count

    @Test func countingUpEndsEveryOtherDelegationOfTheFamily() throws {
        let tpm = OwnedTPM()
        let (family, other) = (try tpm.newFamily(), try tpm.newFamily())
        let old = try tpm.ownerDelegation(.ownerReadInternalPub, in: family)
        let oldKey = try tpm.keyDelegation(.srk, .all(.key), family)
        let others = try tpm.ownerDelegation(.ownerReadInternalPub, in: other)
        try tpm.client.load(old, row: 0, owner: tpm.ownerAuth)
        let open = try tpm.dsap(others)
        try tpm.client.setOwnerPointer(row: 0)
        try tpm.client.setOwnerPointer(row: nil)
        let new = try tpm.ownerDelegation(reading, family, increment: true)
        #expect(try tpm.delegationTables.family(family).verificationCount == 2)
        #expect(try tpm.delegationTables.family(other).verificationCount == 1)
        #expect(new.pub.verificationCount == 2)
        #expect(!tpm.isOpen(open))
        #expect(tpm.result { _ = try tpm.dsap(old) } == .familyCount)
        #expect(tpm.result { _ = try tpm.dsap(oldKey, .srk) } == .familyCount)
        #expect(tpm.result { _ = try tpm.dsap(row: 0) } == .familyCount)
        #expect(tpm.result { try tpm.client.setOwnerPointer(row: 0) } == .familyCount)
        #expect(tpm.readsInternalPub(try tpm.dsap(new)) == .success)
        #expect(tpm.readsInternalPub(try tpm.dsap(others)) == .success)
    }

    @Test func theCountGoesUpByADelegateWhoseSessionEndsWithIt() throws {
        let tpm = OwnedTPM()
        let family = try tpm.newFamily()
        let own = Delegations(delegateType: .owner, [.delegateCreateOwnerDelegation, .ownerReadInternalPub])
        try tpm.client.load(try tpm.ownerDelegation(own, family), row: 0, owner: tpm.ownerAuth)
        try tpm.client.setOwnerPointer(row: 0)
        let session = try tpm.client.osap(.owner, secret: OwnedTPM.delegateAuth, continues: true)
        let new = try #require(
            try tpm.client.execute(Owner.self, try ownerRequest(own, family, session, increment: true), session).blob)
        #expect(!session.isOpen && tpm.tpm.state.clear.ownerReference == .owner)
        #expect(tpm.readsInternalPub(try tpm.dsap(new)) == .success)
        #expect(tpm.readsInternalPub(try tpm.ownerSession()) == .success)
    }

    @Test func withoutCountingUpNothingEnds() throws {
        let tpm = OwnedTPM()
        let family = try tpm.newFamily()
        let open = try tpm.dsap(try tpm.ownerDelegation(.ownerReadInternalPub, in: family))
        _ = try tpm.ownerDelegation(reading, family)
        #expect(tpm.lastOutcome?.changesPermanentState == false)
        #expect(tpm.readsInternalPub(open) == .success)
    }

    @Test func theLastCountStays() throws {
        let tpm = OwnedTPM()
        let family = FamilyTableEntry(familyLabel: 0, familyID: 1, verificationCount: .max, flags: .enabled)
        tpm.tpm.state.permanent.delegation = try DelegationTables(families: [family], rows: [], lastFamilyID: 1)
        #expect(tpm.result { _ = try tpm.ownerDelegation(reading, 1, increment: true) } == .familyCount)
        #expect(tpm.delegationTables.families == [family])
    }
}
