import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

private let newAuth = Secret([UInt8](repeating: 0x7e, count: 20))

/// TPM_ChangeAuth (Part 3, 17.1).
@Suite struct ChangeAuthTests {
    private func request(
        _ session: Session, _ entityType: EntityType, _ encData: [UInt8], protocolID: ProtocolID = .adcp,
        parent: KeyHandle = .srk
    ) throws -> ChangeAuth.Request {
        .init(
            parentHandle: parent, protocolID: protocolID, newAuth: try session.hide(newAuth),
            entityType: entityType, encData: encData)
    }

    private func sealed(on tpm: OwnedTPM) throws -> SealedBlob {
        let session = try tpm.srkOSAP(continues: false)
        return try tpm.client.execute(
            Seal.self,
            .init(
                keyHandle: .srk, encAuth: try session.hide(OwnedTPM.keyAuth), pcrInfo: [],
                inData: Secret(Array("sealed".utf8))),
            session
        ).sealedData
    }

    @Test func theSharedChecksPass() throws {
        let tpm = OwnedTPM()
        let key = try tpm.create(OwnedTPM.template(.signing))
        let parent = try tpm.srkOSAP()
        try check(
            ChangeAuth.self, try request(parent, EntityType(kind: .key), key.encData), on: tpm, parent,
            try tpm.client.oiap(OwnedTPM.keyAuth, continues: true))
    }

    @Test(arguments: ADIPScheme.allCases) func aKeysSecretChangesAndNothingElse(_ scheme: ADIPScheme) throws {
        let tpm = OwnedTPM()
        var key = try tpm.create(OwnedTPM.template(.signing))
        let parent = try tpm.srkOSAP(scheme)
        let entity = try tpm.client.oiap(OwnedTPM.keyAuth, continues: true)
        key.encData = try tpm.client.execute(
            ChangeAuth.self, try request(parent, EntityType(kind: .key), key.encData), parent, entity
        ).outData
        // Both sessions end, whatever the caller asked for.
        #expect(!parent.isOpen && !entity.isOpen)
        #expect(tpm.tpm.state.any.sessions.sessions.isEmpty)
        let handle = try tpm.load(key)
        #expect(tpm.tpm.state.keys[handle]?.usageAuth == newAuth)
        #expect(tpm.tpm.state.keys[handle]?.migrationAuth == tpm.tpm.state.permanent.blobSecrets?.tpmProof)
    }

    @Test func theSecretOfSealedDataChanges() throws {
        let tpm = OwnedTPM()
        let blob = try sealed(on: tpm)
        let parent = try tpm.srkOSAP()
        let changed = try tpm.client.execute(
            ChangeAuth.self, try request(parent, EntityType(kind: .data), blob.encData), parent,
            try tpm.client.oiap(OwnedTPM.keyAuth)
        ).outData
        let opened = try tpm.client.execute(
            Unseal.self, .init(parentHandle: .srk, inData: blob.with(encData: changed)),
            try tpm.srkSession(continues: false), try tpm.client.oiap(newAuth))
        #expect(opened.secret == Secret(Array("sealed".utf8)))
    }

    @Test func whatDoesNotFitIsToldInOrder() throws {
        let tpm = OwnedTPM()
        let key = try tpm.create(OwnedTPM.template(.signing)).encData
        let keyType = EntityType(kind: .key)
        func code(
            _ type: EntityType, _ data: [UInt8], _ first: Session, _ second: Session? = nil,
            protocolID: ProtocolID = .adcp, hides: Bool = true
        ) throws -> TPMResult? {
            let request = ChangeAuth.Request(
                parentHandle: .srk, protocolID: protocolID, newAuth: hides ? try first.hide(newAuth) : newAuth,
                entityType: type, encData: data)
            return tpm.code(ChangeAuth.self, request, first, try second ?? tpm.client.oiap(OwnedTPM.keyAuth))
        }
        #expect(try code(EntityType(kind: .srk), key, tpm.srkOSAP()) == .wrongEntityType)
        // No scheme may be named here (Part 1, 13.4 action 1.d).
        #expect(try code(EntityType(scheme: .aes128CTR, kind: .key), key, tpm.srkOSAP()) == .wrongEntityType)
        #expect(try code(keyType, key, tpm.srkSession(), hides: false) == .badMode)
        #expect(try code(keyType, key, tpm.srkOSAP(), tpm.ownerOSAP()) == .badMode)
        #expect(try code(keyType, key, tpm.srkOSAP(), protocolID: .owner) == .badParameter)
        #expect(try code(keyType, [UInt8](repeating: 1, count: 256), tpm.srkOSAP()) == .decryptError)
        // The structure inside is another one than the type says.
        #expect(try code(EntityType(kind: .data), key, tpm.srkOSAP()) == .invalidStructure)
        #expect(try code(keyType, sealed(on: tpm).encData, tpm.srkOSAP()) == .invalidStructure)
    }

    @Test func onlyAStorageKeyIsAParent() throws {
        let tpm = OwnedTPM()
        let signing = try tpm.newKey(OwnedTPM.template(.signing))
        let session = try tpm.client.osap(.keyHandle, signing.rawValue, secret: OwnedTPM.keyAuth)
        let request = try request(
            session, EntityType(kind: .key), [UInt8](repeating: 1, count: 256), parent: signing)
        #expect(
            tpm.code(ChangeAuth.self, request, session, try tpm.client.oiap(OwnedTPM.keyAuth)) == .invalidKeyUsage)
    }
}

/// TPM_ChangeAuthOwner (Part 3, 17.2).
@Suite struct ChangeAuthOwnerTests {
    private func request(
        _ session: Session, _ entityType: EntityType, protocolID: ProtocolID = .adcp
    ) throws -> ChangeAuthOwner.Request {
        .init(protocolID: protocolID, newAuth: try session.hide(newAuth), entityType: entityType)
    }

    @Test func theSharedChecksPass() throws {
        let tpm = OwnedTPM()
        for kind in [EntityKind.owner, .srk] {
            let session = try tpm.ownerOSAP()
            try check(ChangeAuthOwner.self, try request(session, EntityType(kind: kind)), on: tpm, session)
        }
    }

    @Test func theOwnersSecretChangesAndItsSessionsEnd() throws {
        let tpm = OwnedTPM()
        let (session, other) = (try tpm.ownerOSAP(), try tpm.ownerOSAP())
        let srk = try tpm.srkOSAP()
        // The answer's HMAC is still made with the old secret, which the client checks.
        try tpm.client.execute(ChangeAuthOwner.self, try request(session, EntityType(kind: .owner)), session)
        #expect(!session.isOpen)
        #expect(tpm.tpm.state.any.sessions.sessions.map(\.handle) == [srk.handle])
        #expect(!tpm.tpm.state.any.sessions.sessions.contains { $0.handle == other.handle })
        let read = OwnerReadInternalPub.Request(keyHandle: .ek)
        #expect(tpm.code(OwnerReadInternalPub.self, read, try tpm.ownerSession()) == .authFail)
        #expect(tpm.code(OwnerReadInternalPub.self, read, try tpm.client.oiap(newAuth)) == .success)
    }

    @Test func theSRKsSecretChangesAndItsSessionsEnd() throws {
        let tpm = OwnedTPM()
        let session = try tpm.ownerOSAP()
        _ = try tpm.srkOSAP()
        try tpm.client.execute(ChangeAuthOwner.self, try request(session, EntityType(kind: .srk)), session)
        #expect(tpm.tpm.state.permanent.ownership?.srk.usageAuth == newAuth)
        #expect(tpm.tpm.state.permanent.ownership?.ownerAuth == tpm.ownerAuth)
        #expect(tpm.tpm.state.any.sessions.sessions.isEmpty)
    }

    @Test func whatDoesNotFitIsRefused() throws {
        let tpm = OwnedTPM()
        let owner = EntityType(kind: .owner)
        func code(_ type: EntityType, protocolID: ProtocolID = .adcp) throws -> TPMResult? {
            let session = try tpm.ownerOSAP()
            return tpm.code(ChangeAuthOwner.self, try request(session, type, protocolID: protocolID), session)
        }
        let plain = ChangeAuthOwner.Request(protocolID: .adcp, newAuth: newAuth, entityType: owner)
        #expect(tpm.code(ChangeAuthOwner.self, plain, try tpm.ownerSession()) == .badMode)
        #expect(try code(owner, protocolID: .owner) == .badParameter)
        #expect(try code(EntityType(kind: .key)) == .wrongEntityType)
        #expect(try code(EntityType(scheme: .aes128CTR, kind: .owner)) == .wrongEntityType)
        #expect(tpm.tpm.state.permanent.ownership?.ownerAuth == tpm.ownerAuth)
    }
}
