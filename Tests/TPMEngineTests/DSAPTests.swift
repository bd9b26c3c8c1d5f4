import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

/// TPM_DSAP and rows that stand for the owner (Part 3, 18.3 and 18.4; Part 1, 27.1 and 29.9).
@Suite struct DSAPTests {
    private let reading = Delegations(delegateType: .owner, [.ownerReadInternalPub])

    private func request(
        _ kind: EntityKind, _ value: [UInt8], key: KeyHandle = KeyHandle(), scheme: ADIPScheme = .xor
    ) -> DSAP.Request {
        .init(
            entityType: EntityType(scheme: scheme, kind: kind), keyHandle: key, nonceOddDSAP: Digest(repeating: 0x77),
            entityValue: value)
    }

    @Test func theSharedChecksPass() throws {
        let tpm = OwnedTPM()
        let blob = try tpm.ownerDelegation(reading, try tpm.newFamily())
        try tpm.client.load(blob, row: 0, owner: tpm.ownerAuth)
        try check(DSAP.self, request(.delOwnerBlob, try blob.encoded()), on: tpm)
        try check(DSAP.self, request(.delRow, be32(0)), on: tpm)
        let key = try tpm.keyDelegation(.srk, .all(.key), 1)
        try check(DSAP.self, request(.delKeyBlob, try key.encoded(), key: .srk), on: tpm)
        try check(
            SetOwnerPointer.self, .init(entityType: EntityType(kind: .delRow), entityValue: 0), on: tpm)
    }

    @Test func theSharedSecretCoversBothNonces() throws {
        let tpm = OwnedTPM()
        let blob = try tpm.ownerDelegation(reading, try tpm.newFamily())
        let opened = try tpm.client.execute(DSAP.self, request(.delOwnerBlob, try blob.encoded()))
        let session = try #require(tpm.tpm.state.any.sessions[opened.authHandle])
        let shared = HMAC.authenticate(
            key: OwnedTPM.delegateAuth, opened.nonceEvenDSAP, Digest(repeating: 0x77))
        #expect(session.binding?.sharedSecret == Secret(shared))
        #expect(session.binding?.entity == .owner && session.binding?.delegation == blob.pub)
        #expect(session.nonceEven == opened.nonceEven && opened.nonceEven != opened.nonceEvenDSAP)
        #expect(session.protocolID == .dsap)
    }

    @Test func whatIsNoDelegationOpensNoSession() throws {
        let tpm = OwnedTPM()
        let family = try tpm.newFamily()
        let key = try tpm.newKey(OwnedTPM.template(.signing))
        let blob = try tpm.ownerDelegation(reading, family)
        let keyBlob = try tpm.keyDelegation(key, .all(.key), family)
        var forged = blob
        forged.pub.permissions.per1 = .max
        var forgedKey = keyBlob
        forgedKey.pubKeyDigest = .zero
        let (owner, ofKey) = (try blob.encoded(), try keyBlob.encoded())
        let cases: [(EntityKind, [UInt8], KeyHandle, TPMResult)] = [
            (.delOwnerBlob, [], key, .wrongEntityType), (.delOwnerBlob, ofKey, key, .wrongEntityType),
            (.delOwnerBlob, Array(owner.dropLast()), key, .wrongEntityType),
            (.delOwnerBlob, try forged.encoded(), key, .authFail), (.delKeyBlob, owner, key, .wrongEntityType),
            (.delKeyBlob, ofKey + [0], key, .wrongEntityType), (.delKeyBlob, try forgedKey.encoded(), key, .authFail),
            (.delKeyBlob, ofKey, .srk, .keyNotFound), (.delKeyBlob, ofKey, KeyHandle(rawValue: 9), .invalidKeyHandle),
            (.delRow, be32(0), key, .badIndex), (.delRow, be32(.max), key, .badIndex),
            (.delRow, [0, 0, 0], key, .badParamSize), (.delRow, owner, key, .badParamSize),
            (.owner, owner, key, .badParameter), (.keyHandle, ofKey, key, .badParameter),
        ]
        for (kind, value, key, expected) in cases {
            #expect(tpm.code(DSAP.self, request(kind, value, key: key)) == expected, "\(kind) \(value.count)")
        }
        var unknown = request(.delOwnerBlob, owner)
        unknown.entityType = EntityType(rawValue: 0x0507)
        #expect(tpm.code(DSAP.self, unknown) == .inappropriateEnc)
        tpm.tpm.state.permanent.flags.fips = true
        #expect(tpm.code(DSAP.self, request(.delOwnerBlob, owner)) == .inappropriateEnc)
        #expect(tpm.code(DSAP.self, request(.delOwnerBlob, owner, scheme: .aes128CTR)) == .success)
        #expect(tpm.tpm.state.permanent.failedAuthorizations == 0)
    }

    @Test func aDisabledFamilyOpensNoSession() throws {
        let tpm = OwnedTPM()
        let family = try tpm.newFamily()
        let blob = try tpm.ownerDelegation(reading, family)
        let keyBlob = try tpm.keyDelegation(.srk, .all(.key), family)
        try tpm.client.load(blob, row: 0, owner: tpm.ownerAuth)
        func codes() -> [TPMResult?] {
            [
                tpm.result { _ = try tpm.dsap(blob) }, tpm.result { _ = try tpm.dsap(row: 0) },
                tpm.result { _ = try tpm.dsap(keyBlob, .srk) },
                tpm.result {
                    try tpm.client.setOwnerPointer(row: 0)
                    try tpm.client.setOwnerPointer(row: nil)
                },
            ]
        }
        #expect(codes() == [.success, .success, .success, .success])
        try tpm.client.setFamily(family, enabled: false, owner: tpm.ownerAuth)
        #expect(codes() == [.disabledCmd, .disabledCmd, .disabledCmd, .disabledCmd])
        try tpm.client.setFamily(family, enabled: true, owner: tpm.ownerAuth)
        #expect(codes() == [.success, .success, .success, .success])
    }

    // MARK: Use

    @Test func aWrongSecretIsCountedAndARefusedCommandIsNot() throws {
        let tpm = OwnedTPM()
        let blob = try tpm.ownerDelegation(reading, try tpm.newFamily())
        let wrong = try tpm.client.dsap(blob, secret: OwnedTPM.keyAuth)
        #expect(tpm.readsInternalPub(wrong) == .authFail)
        #expect(tpm.tpm.state.permanent.failedAuthorizations == 1)
        // With a wrong secret nobody learns what is delegated.
        let wrongAgain = try tpm.client.dsap(blob, secret: OwnedTPM.keyAuth)
        #expect(tpm.code(OwnerClear.self, .init(), wrongAgain) == .authFail)
        #expect(tpm.code(OwnerClear.self, .init(), try tpm.dsap(blob)) == .disabledCmd)
        #expect(tpm.tpm.state.permanent.failedAuthorizations == 2)
    }

    @Test func aSessionOfADelegationIsUsedAgainAndEndsAsOthersDo() throws {
        let tpm = OwnedTPM()
        let blob = try tpm.ownerDelegation(reading, try tpm.newFamily())
        let session = try tpm.dsap(blob)
        for _ in 0..<3 { #expect(tpm.readsInternalPub(session) == .success) }
        session.continues = false
        #expect(tpm.readsInternalPub(session) == .success)
        #expect(!tpm.isOpen(session))
    }

    /// Part 2, 20.8: the PCR info is checked on each use, and not when the session begins.
    @Test func everyUseIsBoundToPCRsAndLocalities() throws {
        for usesPointer in [false, true] {
            let tpm = OwnedTPM()
            let family = try tpm.newFamily()
            var info = try PCRInfoShort.pcr(3, SHA1.hash(Digest.zero, Digest(repeating: 0x5a)))
            info.localityAtRelease = [.one, .three]
            try tpm.client.load(
                try tpm.ownerDelegation(reading, family, pcrInfo: info), row: 0, owner: tpm.ownerAuth)
            if usesPointer { try tpm.client.setOwnerPointer(row: 0) }
            func session() throws -> Session {
                usesPointer ? try tpm.client.oiap(OwnedTPM.delegateAuth, continues: true) : try tpm.dsap(row: 0)
            }
            #expect(tpm.readsInternalPub(try session()) == .badLocality)
            tpm.locality = .one
            #expect(tpm.readsInternalPub(try session()) == .wrongPCRVal)
            // A secret that could not be right is not tried: that would be a guess for free.
            let guess =
                usesPointer
                ? try tpm.client.oiap(OwnedTPM.keyAuth) : try tpm.client.dsap(row: 0, secret: OwnedTPM.keyAuth)
            #expect(tpm.readsInternalPub(guess) == .wrongPCRVal)
            #expect(tpm.tpm.state.permanent.failedAuthorizations == 0)
            let open = try session()
            try tpm.extend(3)
            #expect(tpm.readsInternalPub(open) == .success)
            tpm.locality = .three
            #expect(tpm.readsInternalPub(open) == .success)
            try tpm.extend(3)
            #expect(tpm.readsInternalPub(open) == .wrongPCRVal)
            #expect(!tpm.isOpen(open))
        }
    }

    @Test func aKeysDelegationIsBoundToPCRsAndLocalitiesToo() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(OwnedTPM.template(.signing))
        var info = try PCRInfoShort.pcr(3, .zero)
        info.localityAtRelease = .two
        let blob = try tpm.keyDelegation(key, .all(.key), try tpm.newFamily(), pcrInfo: info)
        #expect(tpm.signs(key, try tpm.dsap(blob, key)) == .badLocality)
        tpm.locality = .two
        #expect(tpm.signs(key, try tpm.dsap(blob, key)) == .success)
        try tpm.extend(3)
        #expect(tpm.signs(key, try tpm.dsap(blob, key)) == .wrongPCRVal)
    }

    @Test func aDelegationOfOneKeyDoesNotUseAnotherNorTheOwnersCommands() throws {
        let tpm = OwnedTPM()
        let (key, other) = (
            try tpm.newKey(OwnedTPM.template(.signing)), try tpm.newKey(OwnedTPM.template(.signing))
        )
        let family = try tpm.newFamily()
        let blob = try tpm.keyDelegation(key, .all(.key), family)
        #expect(tpm.signs(other, try tpm.dsap(blob, key)) == .authFail)
        #expect(tpm.readsInternalPub(try tpm.dsap(blob, key)) == .authFail)
        #expect(tpm.signs(key, try tpm.dsap(try tpm.ownerDelegation(.all(.owner), family))) == .authFail)
        // Another handle of the same key is the same key.
        let same = try tpm.load(try tpm.save(key.rawValue, .key))
        #expect(tpm.signs(KeyHandle(rawValue: same), try tpm.dsap(blob, KeyHandle(rawValue: same))) == .success)
    }

    @Test func aSecondSessionIsDelegatedAsTheFirstIs() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(OwnedTPM.template(.signing))
        let family = try tpm.newFamily()
        func certify(_ permissions: Delegations) throws -> TPMResult? {
            let second = try tpm.dsap(try tpm.keyDelegation(key, permissions, family), key)
            return tpm.code(
                CertifyKey.self, .init(certHandle: key, keyHandle: key, antiReplay: .zero), try tpm.keySession(),
                second)
        }
        #expect(try certify(Delegations(delegateType: .key, [.certifyKey])) == .success)
        #expect(try certify(.all(.key, but: [.certifyKey])) == .disabledCmd)
    }

    // MARK: The owner's pointer

    @Test func theOwnersOwnSessionStaysTheOwnersWhereverThePointerPoints() throws {
        let tpm = OwnedTPM()
        try tpm.client.load(try tpm.ownerDelegation(reading, try tpm.newFamily()), row: 2, owner: tpm.ownerAuth)
        let ownersOwn = try tpm.ownerOSAP()
        let anyones = try tpm.ownerSession()
        try tpm.client.setOwnerPointer(row: 2)
        #expect(tpm.tpm.state.clear.ownerReference.rawValue == 2)
        #expect(tpm.code(OwnerSetDisable.self, .init(disableState: false), ownersOwn) == .success)
        // OIAP asks for the secret that the pointer points to, with each command.
        #expect(tpm.code(OwnerSetDisable.self, .init(disableState: false), anyones) == .authFail)
        #expect(tpm.readsInternalPub(try tpm.client.oiap(OwnedTPM.delegateAuth)) == .success)
        #expect(tpm.readsInternalPub(try tpm.client.osap(.owner, secret: tpm.ownerAuth)) == .authFail)
        // A delegation of its own does not ask.
        #expect(tpm.readsInternalPub(try tpm.dsap(row: 2)) == .success)
        try tpm.client.setOwnerPointer(row: nil)
        #expect(tpm.readsInternalPub(try tpm.ownerSession()) == .success)
        #expect(tpm.readsInternalPub(try tpm.client.oiap(OwnedTPM.delegateAuth)) == .authFail)
    }

    @Test func thePointerIsBackAtTheOwnerAfterAStartAndWhereItWasAfterAResume() throws {
        let tpm = OwnedTPM()
        try tpm.client.load(try tpm.ownerDelegation(reading, try tpm.newFamily()), row: 0, owner: tpm.ownerAuth)
        try tpm.client.setOwnerPointer(row: 0)
        try tpm.client.execute(SaveState.self, .init())
        try tpm.restart(.state)
        #expect(tpm.readsInternalPub(try tpm.client.oiap(OwnedTPM.delegateAuth)) == .success)
        try tpm.restart(.clear)
        #expect(tpm.readsInternalPub(try tpm.ownerSession()) == .success)
        // The row itself is still there.
        #expect(tpm.readsInternalPub(try tpm.dsap(row: 0)) == .success)
    }

    @Test func aPointerToARowThatIsNoneIsRefused() throws {
        let tpm = OwnedTPM()
        for row in [0, 3, 4, .max] as [UInt32] {
            #expect(tpm.result { try tpm.client.setOwnerPointer(row: row) } == .badIndex)
        }
        #expect(tpm.tpm.state.clear.ownerReference == .owner)
    }

    // MARK: When a session ends

    @Test func aSessionEndsWithItsKey() throws {
        let tpm = OwnedTPM()
        let key = try tpm.newKey(OwnedTPM.template(.signing))
        let session = try tpm.dsap(try tpm.keyDelegation(key, .all(.key), try tpm.newFamily()), key)
        try tpm.flush(key)
        #expect(!tpm.isOpen(session))
    }

    /// Part 3, 17.2 action 8. The delegations themselves stay: their secrets are their own.
    @Test func aSessionOfTheOwnersEndsWithTheOwnersSecret() throws {
        let tpm = OwnedTPM()
        let family = try tpm.newFamily()
        let blob = try tpm.ownerDelegation(reading, family)
        let keyBlob = try tpm.keyDelegation(.srk, .all(.key), family)
        let (owners, keys) = (try tpm.dsap(blob), try tpm.dsap(keyBlob, .srk))
        try tpm.client.changeOwner(from: tpm.ownerAuth, to: OwnedTPM.keyAuth)
        #expect(!tpm.isOpen(owners) && tpm.isOpen(keys))
        #expect(tpm.readsInternalPub(try tpm.dsap(blob)) == .success)
        try tpm.client.changeStorageRootKey(to: OwnedTPM.dataAuth, owner: OwnedTPM.keyAuth)
        #expect(!tpm.isOpen(keys))
    }

    @Test func aClearTakesBothTablesAndEverySession() throws {
        for isForced in [false, true] {
            let tpm = OwnedTPM()
            let family = try tpm.newFamily()
            let blob = try tpm.ownerDelegation(.ownerClear, in: family)
            try tpm.client.load(blob, row: 0, owner: tpm.ownerAuth)
            let session = try tpm.dsap(row: 0)
            try tpm.client.setOwnerPointer(row: 0)
            tpm.physicalPresence = true
            // A delegate clears, when the owner lets it.
            if isForced {
                try tpm.client.forceClear()
            } else {
                try tpm.client.execute(OwnerClear.self, .init(), session)
            }
            #expect(!session.isOpen || isForced)
            #expect(!tpm.isOpen(session))
            #expect(tpm.delegationTables.families.isEmpty && tpm.delegationTables.rows.isEmpty)
            #expect(tpm.delegationTables.lastFamilyID == family)
            #expect(tpm.tpm.state.clear.ownerReference == .owner)
        }
    }

    // MARK: Contexts

    @Test func aSavedSessionIsStillOneOfItsDelegation() throws {
        let tpm = OwnedTPM()
        let blob = try tpm.ownerDelegation(reading, try tpm.newFamily())
        let session = try tpm.dsap(blob)
        let context = try tpm.save(session.handle, .auth)
        #expect(try tpm.load(context) == session.handle)
        #expect(tpm.tpm.state.any.sessions[session.handle]?.binding?.delegation == blob.pub)
        #expect(tpm.readsInternalPub(session) == .success)
        #expect(tpm.code(OwnerClear.self, .init(), session) == .disabledCmd)
        let old = try tpm.dsap(blob)
        let saved = try tpm.client.execute(SaveAuthContext.self, .init(authHandle: old.handle)).authContextBlob
        try tpm.client.execute(LoadAuthContext.self, .init(authContextBlob: saved))
        #expect(tpm.code(OwnerClear.self, .init(), old) == .disabledCmd)
    }

    @Test func savedSessionsOfDelegationsEndWithTheOpenOnesAndOthersStay() throws {
        let tpm = OwnedTPM()
        let family = try tpm.newFamily()
        let blob = try tpm.ownerDelegation(reading, family)
        let (session, old, ownersOwn) = (try tpm.dsap(blob), try tpm.dsap(blob), try tpm.ownerOSAP())
        let context = try tpm.save(session.handle, .auth)
        let context11 = try tpm.client.execute(SaveAuthContext.self, .init(authHandle: old.handle)).authContextBlob
        let others = try tpm.save(ownersOwn.handle, .auth)
        try tpm.client.setFamily(family, enabled: true, owner: tpm.ownerAuth)
        #expect(tpm.result { _ = try tpm.load(context) } == .badContext)
        #expect(tpm.code(LoadAuthContext.self, .init(authContextBlob: context11)) == .badContext)
        _ = try tpm.load(others)
        #expect(tpm.readsInternalPub(ownersOwn) == .success)
    }
}
