import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

/// TPM_OIAP, TPM_OSAP, TPM_SetOwnerPointer and when sessions end (Part 3, 18; Part 1, 26).
@Suite struct AuthorizationSessionTests {
    private func isOpen(_ session: Session, on tpm: OwnedTPM) -> Bool {
        tpm.tpm.state.any.sessions[session.handle] != nil
    }

    @Test func theSharedChecksPass() throws {
        let tpm = OwnedTPM()
        try check(OIAP.self, .init(), on: tpm)
        let owner = EntityType(kind: .owner)
        try check(OSAP.self, .init(entityType: owner, entityValue: 0, nonceOddOSAP: .zero), on: tpm)
        try check(SetOwnerPointer.self, .init(entityType: owner, entityValue: 0), on: tpm)
    }

    // MARK: What an OSAP session can be bound to

    @Test func anOSAPSessionForTheSRKHasTwoNames() throws {
        let tpm = OwnedTPM()
        for kind in [EntityKind.srk, .keyHandle] {
            let session = try tpm.client.osap(kind, KeyHandle.srk.rawValue, secret: tpm.srkAuth)
            #expect(tpm.tpm.state.any.sessions[session.handle]?.binding?.entity == .key(.srk))
        }
    }

    @Test func anOSAPSessionCanBeBoundToAKeyAndToAnArea() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(OwnedTPM.template(.signing))
        let session = try tpm.client.osap(.keyHandle, key.rawValue, secret: OwnedTPM.keyAuth)
        #expect(
            try tpm.client.execute(Sign.self, .init(keyHandle: key, areaToSign: Digest.zero.bytes), session).sig.count
                == 256)
        var info = NVDataPublic()
        info.nvIndex = 0x0001_0001
        info.permission = NVAttributes(attributes: [.authRead, .authWrite])
        info.dataSize = 4
        let owner = try tpm.ownerOSAP(continues: false)
        try tpm.client.execute(
            NVDefineSpace.self, .init(pubInfo: info, encAuth: try owner.hide(OwnedTPM.keyAuth)), owner)
        let area = try tpm.client.osap(.nv, info.nvIndex, secret: OwnedTPM.keyAuth)
        #expect(tpm.tpm.state.any.sessions[area.handle]?.binding?.entity == .nv(info.nvIndex))
    }

    @Test func whatIsNotThereCannotBeBoundTo() {
        let tpm = OwnedTPM()
        let cases: [(EntityType, UInt32, TPMResult)] = [
            (EntityType(kind: .keyHandle), KeyHandle.operator.rawValue, .badHandle),
            (EntityType(kind: .keyHandle), 0x0011_2233, .invalidKeyHandle),
            (EntityType(kind: .nv), 0x0001_0001, .badIndex),
            (EntityType(kind: .data), 0, .badParameter),
            (EntityType(kind: .key), 0, .badParameter),
            (EntityType(rawValue: 0x0063), 0, .badParameter),
            (EntityType(rawValue: 0x0502), 0, .inappropriateEnc),
        ]
        for (entityType, value, expected) in cases {
            #expect(
                tpm.code(OSAP.self, .init(entityType: entityType, entityValue: value, nonceOddOSAP: .zero)) == expected)
        }
        #expect(tpm.tpm.state.any.sessions.sessions.isEmpty)
    }

    @Test func withoutAnOwnerThereIsNoOSAPSessionForAnything() {
        let tpm = OwnedTPM(.endorsed)
        for kind in [EntityKind.owner, .srk, .keyHandle, .nv] {
            let request = OSAP.Request(entityType: EntityType(kind: kind), entityValue: 1, nonceOddOSAP: .zero)
            #expect(tpm.code(OSAP.self, request) == .noSRK)
        }
        #expect(tpm.code(OIAP.self, .init()) == .success)
    }

    @Test func inFIPSModeOnlyAESHidesSecrets() {
        let tpm = OwnedTPM()
        tpm.tpm.state.permanent.flags.fips = true
        func code(_ scheme: ADIPScheme) -> TPMResult? {
            let entityType = EntityType(scheme: scheme, kind: .owner)
            return tpm.code(OSAP.self, .init(entityType: entityType, entityValue: 0, nonceOddOSAP: .zero))
        }
        #expect(code(.xor) == .inappropriateEnc)
        #expect(code(.aes128CTR) == .success)
    }

    @Test func aSessionOfOneEntityDoesNotAuthorizeAnother() throws {
        let tpm = OwnedTPM()
        let request = OwnerReadInternalPub.Request(keyHandle: .srk)
        #expect(tpm.code(OwnerReadInternalPub.self, request, try tpm.srkOSAP()) == .authFail)
        // Nothing was tried that could be a guess.
        #expect(tpm.tpm.state.permanent.failedAuthorizations == 0)
    }

    // MARK: When a session ends

    @Test func aSessionEndsWhenTheCallerSaysSo() throws {
        let tpm = OwnedTPM()
        let goesOn = try tpm.ownerSession()
        let ends = try tpm.ownerSession(continues: false)
        for session in [goesOn, ends] {
            try tpm.client.execute(OwnerReadInternalPub.self, .init(keyHandle: .ek), session)
        }
        #expect(goesOn.isOpen && isOpen(goesOn, on: tpm))
        #expect(!ends.isOpen && !isOpen(ends, on: tpm))
    }

    @Test func anErrorEndsTheSessionsOfTheCommandAlone() throws {
        let tpm = OwnedTPM()
        let (named, other) = (try tpm.ownerSession(), try tpm.ownerSession())
        #expect(tpm.code(OwnerReadInternalPub.self, .init(keyHandle: .owner), named) == .badParameter)
        #expect(!isOpen(named, on: tpm) && isOpen(other, on: tpm))
    }

    @Test func operandsThatDoNotDecodeEndTheSessionAndAWrongSizeDoesNot() throws {
        let tpm = OwnedTPM()
        let session = try tpm.ownerSession()
        let bytes = try TPMClient.encode(OwnerSetDisable.self, .init(disableState: true), sessions: [session])
        for malformed in malformed(bytes) { #expect(tpm.tpm.code(malformed) == .badParamSize) }
        #expect(isOpen(session, on: tpm))
        #expect(tpm.tpm.code(bytes[..<10] + [7] + bytes[11...]) == .badParameter)
        #expect(!isOpen(session, on: tpm))
    }

    @Test func aLockedTPMLeavesTheSessionForTheNextTry() throws {
        let tpm = OwnedTPM()
        let session = try tpm.ownerSession()
        tpm.tpm.state.any.lockedUntil = 5_000_000
        #expect(tpm.code(OwnerReadInternalPub.self, .init(keyHandle: .ek), session) == .defendLockRunning)
        #expect(isOpen(session, on: tpm))
        tpm.clock.advance(seconds: 5)
        #expect(tpm.code(OwnerReadInternalPub.self, .init(keyHandle: .ek), session) == .success)
    }

    @Test func theSessionsOfAKeyEndWithIt() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(OwnedTPM.template(.signing))
        let bound = try tpm.client.osap(.keyHandle, key.rawValue, secret: OwnedTPM.keyAuth)
        let free = try tpm.client.oiap(OwnedTPM.keyAuth)
        try tpm.client.execute(FlushSpecific.self, .init(handle: key.rawValue, resourceType: .key))
        #expect(!isOpen(bound, on: tpm) && isOpen(free, on: tpm))
    }

    @Test func noSessionSurvivesAnInterruptionOfPower() throws {
        let tpm = OwnedTPM()
        let session = try tpm.ownerSession()
        try tpm.restart()
        #expect(!isOpen(session, on: tpm))
    }

    // MARK: TPM_SetOwnerPointer

    /// Rows are tested with the delegations.
    @Test func theOwnerPointerPointsToTheOwnerOrToARow() {
        let tpm = OwnedTPM()
        func code(_ entityType: EntityType) -> TPMResult? {
            tpm.code(SetOwnerPointer.self, .init(entityType: entityType, entityValue: 7))
        }
        #expect(code(EntityType(kind: .owner)) == .success)
        #expect(tpm.tpm.state.clear.ownerReference == .owner)
        #expect(code(EntityType(kind: .delRow)) == .badIndex)
        #expect(code(EntityType(kind: .srk)) == .badParameter)
        #expect(code(EntityType(scheme: .aes128CTR, kind: .owner)) == .badParameter)
    }
}
