import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

private let secret = Secret([UInt8](repeating: 0x7e, count: 20))
private let digest = [UInt8](repeating: 1, count: 20)

/// An identity key that is to be made.
private func identity(hiddenBy session: Session) throws -> MakeIdentity.Request {
    .init(
        identityAuth: try session.hide(secret), labelPrivCADigest: .zero, idKeyParams: OwnedTPM.template(.identity))
}

/// What a privacy CA sends to an identity key: TPM_ASYM_CA_CONTENTS with a session key of AES.
private func activation(of key: KeyHandle, on tpm: OwnedTPM) throws -> ActivateIdentity.Request {
    let pubkey = try #require(tpm.tpm.state.keys[key]).key.pubkey
    let contents = [0, 0, 0, 6, 0, 1, 0, 16] + [UInt8](repeating: 5, count: 16) + SHA1.hash(try pubkey.encoded()).bytes
    return .init(idKeyHandle: key, blob: try tpm.encryptedForEK(Secret(contents)))
}

/// The commands of Part 2, 20.2.1, each so that it succeeds: what ``DelegationPermissionTests`` delegates.
enum OwnerCommands {
    struct Case {
        /// Something that has to be there before, made with the owner's own secret.
        var prepare: (OwnedTPM, _ family: UInt32) throws -> [UInt8] = { _, _ in [] }
        let run: (OwnedTPM, _ prepared: [UInt8], Session) throws -> Void
    }

    /// Those that hide a secret, so that an OIAP session is not enough.
    static let hiding: Set<Ordinal> = [.delegateCreateOwnerDelegation, .nvDefineSpace, .createCounter, .makeIdentity]

    /// Those that are tried with the chapter that they belong to.
    static let elsewhere: Set<Ordinal> = [
        .daaSign, .fieldUpgrade, .setRedirection, .loadMaintenanceArchive,
    ]

    /// A case of a command without anything to prepare.
    private static func plain<C: Command>(_ command: C.Type, _ request: C.Request) -> Case {
        Case { tpm, _, session in _ = try tpm.client.execute(command, request, session) }
    }

    private static func area(_ tpm: OwnedTPM, _ family: UInt32) throws -> [UInt8] {
        try tpm.define(.area(OwnedTPM.index, [.ownerRead, .ownerWrite], size: 4))
        return []
    }

    private static func blob(_ tpm: OwnedTPM, _ family: UInt32) throws -> [UInt8] {
        try tpm.ownerDelegation(.nvReadValue, in: family).encoded()
    }

    static var all: [Ordinal: Case] {
        [
            .delegateCreateOwnerDelegation: Case(
                prepare: { _, family in be32(family) },
                run: { tpm, family, session in
                    let family = family.reduce(0) { $0 << 8 | UInt32($1) }
                    try tpm.client.execute(
                        DelegateCreateOwnerDelegation.self,
                        .init(
                            publicInfo: OwnedTPM.info(Delegations(delegateType: .owner, per1: 0), family),
                            delAuth: try session.hide(secret)),
                        session)
                }),
            .delegateManage: plain(DelegateManage.self, .init(opCode: .create, opData: [7])),
            .delegateUpdateVerification: Case(prepare: blob) { tpm, blob, session in
                try tpm.client.execute(DelegateUpdateVerification.self, .init(inputData: blob), session)
            },
            .delegateLoadOwnerDelegation: Case(prepare: blob) { tpm, blob, session in
                let blob = try WireDecoder.decode(DelegateOwnerBlob.self, from: blob)
                try tpm.client.execute(DelegateLoadOwnerDelegation.self, .init(index: 2, blob: blob), session)
            },
            .disablePubekRead: plain(DisablePubekRead.self, .init()),
            .ownerReadPubek: plain(OwnerReadPubek.self, .init()),
            .setCapability: plain(
                SetCapability.self,
                .init(
                    capArea: SetCapabilityArea.permFlags.rawValue, subCap: be32(PermanentFlag.readPubek.rawValue),
                    setValue: [1])),
            .ownerSetDisable: plain(OwnerSetDisable.self, .init(disableState: true)),
            .nvDefineSpace: Case { tpm, _, session in
                try tpm.client.execute(
                    NVDefineSpace.self,
                    .init(pubInfo: .area(OwnedTPM.index, .ownerWrite, size: 4), encAuth: try session.hide(secret)),
                    session)
            },
            .disableOwnerClear: plain(DisableOwnerClear.self, .init()),
            .ownerClear: plain(OwnerClear.self, .init()),
            .resetLockValue: plain(ResetLockValue.self, .init()),
            .ownerReadInternalPub: plain(OwnerReadInternalPub.self, .init(keyHandle: .ek)),
            .nvReadValue: Case(prepare: area) { tpm, _, session in
                try tpm.client.execute(
                    NVReadValue.self, .init(nvIndex: OwnedTPM.index, offset: 0, dataSize: 4), session)
            },
            .nvWriteValue: Case(prepare: area) { tpm, _, session in
                try tpm.client.execute(
                    NVWriteValue.self, .init(nvIndex: OwnedTPM.index, offset: 0, data: [1, 2, 3, 4]), session)
            },
            .dirWriteAuth: plain(DirWriteAuth.self, .init(dirIndex: 0, newContents: .zero)),
            .createCounter: Case { tpm, _, session in
                try tpm.client.execute(
                    CreateCounter.self, .init(encAuth: try session.hide(secret), label: [1, 2, 3, 4]), session)
            },
            .releaseCounterOwner: Case(
                prepare: { tpm, _ in
                    let session = try tpm.ownerOSAP()
                    let request = CreateCounter.Request(encAuth: try session.hide(secret), label: [1, 2, 3, 4])
                    return be32(try tpm.client.execute(CreateCounter.self, request, session).countID)
                },
                run: { tpm, countID, session in
                    let countID = countID.reduce(0) { $0 << 8 | UInt32($1) }
                    try tpm.client.execute(ReleaseCounterOwner.self, .init(countID: countID), session)
                }),
            .makeIdentity: Case { tpm, _, session in
                try tpm.client.execute(
                    MakeIdentity.self, try identity(hiddenBy: session), try tpm.srkSession(), session)
            },
            .activateIdentity: Case(
                prepare: { tpm, _ in be32(try tpm.identityKey().rawValue) },
                run: { tpm, handle, session in
                    let key = KeyHandle(rawValue: handle.reduce(0) { $0 << 8 | UInt32($1) })
                    try tpm.client.execute(
                        ActivateIdentity.self, try activation(of: key, on: tpm), try tpm.keySession(), session)
                }),
            .daaJoin: plain(DAAJoin.self, .init(handle: 0, stage: 0, inputData0: be32(1))),
            .killMaintenanceFeature: plain(KillMaintenanceFeature.self, .init()),
            .createMaintenanceArchive: Case(
                prepare: { tpm, _ in
                    try tpm.client.execute(
                        LoadManuMaintPub.self,
                        .init(antiReplay: .zero, pubKey: try MigrationAuthority().encryptionKey))
                    return []
                },
                run: { tpm, _, session in
                    try tpm.client.execute(CreateMaintenanceArchive.self, .init(generateRandom: true), session)
                }),
            .authorizeMigrationKey: Case { tpm, _, session in
                let key = try MigrationAuthority().encryptionKey
                try tpm.client.execute(
                    AuthorizeMigrationKey.self, .init(migrationScheme: .migrate, migrationKey: key), session)
            },
            .cmkApproveMA: plain(CMKApproveMA.self, .init(migrationAuthorityDigest: .zero)),
            .cmkCreateTicket: Case { tpm, _, session in
                let authority = try MigrationAuthority()
                try tpm.client.execute(
                    CMKCreateTicket.self,
                    .init(
                        verificationKey: authority.signingKey, signedData: .zero,
                        signatureValue: try authority.sign(.zero)),
                    session)
            },
            .setOrdinalAuditStatus: plain(
                SetOrdinalAuditStatus.self, .init(ordinalToAudit: Ordinal.sign.rawValue, auditState: true)),
            .keyControlOwner: Case(
                prepare: { tpm, _ in be32(try tpm.newKey(OwnedTPM.template(.signing)).rawValue) },
                run: { tpm, handle, session in
                    let key = KeyHandle(rawValue: handle.reduce(0) { $0 << 8 | UInt32($1) })
                    let pubKey = try #require(tpm.tpm.state.keys[key]).key.pubkey
                    try tpm.client.execute(
                        KeyControlOwner.self, .init(keyHandle: key, pubKey: pubKey, bitName: 1, bitValue: true), session
                    )
                }),
        ]
    }
}

/// The commands of Part 2, 20.2.3, each so that it succeeds: what ``DelegationPermissionTests`` delegates.
enum KeyCommands {
    struct Case {
        /// The key whose use is delegated, and something that has to be there before.
        let prepare: (OwnedTPM, _ family: UInt32) throws -> (KeyHandle, [UInt8])
        let run: (OwnedTPM, KeyHandle, _ prepared: [UInt8], Session) throws -> Void
    }

    /// Those that are tried with the chapter that they belong to.
    static let elsewhere: Set<Ordinal> = [
        .cmkCreateBlob, .releaseTransportSigned,
        .changeAuthAsymFinish, .changeAuthAsymStart, .cmkConvertMigration,
    ]

    private static func srk(_ tpm: OwnedTPM, _ family: UInt32) throws -> (KeyHandle, [UInt8]) { (.srk, []) }

    private static func wrappedKey(_ tpm: OwnedTPM, _ family: UInt32) throws -> (KeyHandle, [UInt8]) {
        (.srk, try tpm.create(OwnedTPM.template(.signing)).encoded())
    }

    private static func migratableKey(_ tpm: OwnedTPM, _ family: UInt32) throws -> (KeyHandle, [UInt8]) {
        (.srk, try tpm.create(OwnedTPM.template(.signing, flags: .migratable)).encoded())
    }

    private static func sealed(_ tpm: OwnedTPM, _ family: UInt32) throws -> (KeyHandle, [UInt8]) {
        (.srk, try tpm.seal([5]).encoded())
    }

    private static func signing(_ tpm: OwnedTPM, _ family: UInt32) throws -> (KeyHandle, [UInt8]) {
        (try tpm.newKey(OwnedTPM.template(.signing)), be32(family))
    }

    static var all: [Ordinal: Case] {
        [
            .loadKey: Case(prepare: wrappedKey) { tpm, parent, key, session in
                let key = try WireDecoder.decode(Key.self, from: key)
                try tpm.client.execute(LoadKey.self, .init(parentHandle: parent, inKey: key), session)
            },
            .loadKey2: Case(prepare: wrappedKey) { tpm, parent, key, session in
                let key = try WireDecoder.decode(Key.self, from: key)
                try tpm.client.execute(LoadKey2.self, .init(parentHandle: parent, inKey: key), session)
            },
            .seal: Case(prepare: srk) { tpm, _, _, session in
                try tpm.client.execute(Seal.self, try tpm.sealRequest([1], session), session)
            },
            .sealx: Case(prepare: srk) { tpm, _, _, session in
                try tpm.client.execute(Sealx.self, try tpm.sealRequest([1], session), session)
            },
            .unseal: Case(prepare: sealed) { tpm, parent, blob, session in
                let blob = try WireDecoder.decode(SealedBlob.self, from: blob)
                let data = try tpm.client.oiap(OwnedTPM.dataAuth)
                let opened = try tpm.client.execute(
                    Unseal.self, .init(parentHandle: parent, inData: blob), session, data)
                #expect(opened.secret.bytes == [5])
            },
            .createMigrationBlob: Case(prepare: migratableKey) { tpm, parent, key, session in
                let key = try WireDecoder.decode(Key.self, from: key)
                let leave = try tpm.leave(for: tpm.srkPublic, .migrate)
                try tpm.client.execute(
                    CreateMigrationBlob.self,
                    .init(
                        parentHandle: parent, migrationType: .migrate, migrationKeyAuth: leave, encData: key.encData),
                    session, try tpm.client.oiap(OwnedTPM.migrationAuth))
            },
            .convertMigrationBlob: Case(prepare: migratableKey) { tpm, parent, key, session in
                let blob = try tpm.client.migrationBlob(
                    of: try WireDecoder.decode(Key.self, from: key), for: try tpm.leave(for: tpm.srkPublic, .migrate),
                    migrationAuth: OwnedTPM.migrationAuth, parentAuth: tpm.srkAuth)
                try tpm.client.execute(
                    ConvertMigrationBlob.self, .init(parentHandle: parent, inData: blob.outData, random: blob.random),
                    session)
            },
            .migrateKey: Case(
                prepare: { tpm, _ in (try tpm.newKey(OwnedTPM.template(.migrate)), []) },
                run: { tpm, authority, _, session in
                    let inData = try tpm.publicKey(authority).encryptOAEP(Secret([1, 2]))
                    try tpm.client.execute(
                        MigrateKey.self,
                        .init(maKeyHandle: authority, pubKey: tpm.srkPublic, inData: inData), session)
                }),
            .cmkCreateKey: Case(prepare: srk) { tpm, parent, _, session in
                let approval = try tpm.client.execute(
                    CMKApproveMA.self, .init(migrationAuthorityDigest: .zero), authorizedBy: tpm.ownerAuth
                ).outData
                try tpm.client.execute(
                    CMKCreateKey.self,
                    .init(
                        parentHandle: parent, dataUsageAuth: try session.hide(secret),
                        keyInfo: OwnedTPM.template(.signing, flags: [.migratable, .migrateAuthority]),
                        migrationAuthorityApproval: approval, migrationAuthorityDigest: .zero),
                    session)
            },
            .makeIdentity: Case(prepare: srk) { tpm, _, _, session in
                let owner = try tpm.ownerOSAP()
                try tpm.client.execute(MakeIdentity.self, try identity(hiddenBy: owner), session, owner)
            },
            .activateIdentity: Case(
                prepare: { tpm, _ in (try tpm.identityKey(), []) },
                run: { tpm, key, _, session in
                    try tpm.client.execute(
                        ActivateIdentity.self, try activation(of: key, on: tpm), session, try tpm.ownerSession())
                }),
            .establishTransport: Case(prepare: srk) { tpm, key, _, session in
                let auth = try TransportAuth(authData: secret).encodedSecret()
                let hidden = try tpm.publicKey(key).encryptOAEP(auth, random: SeededRandom(seed: 4))
                try tpm.client.execute(
                    EstablishTransport.self,
                    .init(encHandle: key, transPublic: TransportPublic(), secret: Secret(hidden)), session)
            },
            .getAuditDigestSigned: Case(prepare: signing) { tpm, key, _, session in
                try tpm.client.execute(
                    GetAuditDigestSigned.self, .init(keyHandle: key, closeAudit: false, antiReplay: .zero), session)
            },
            .tickStampBlob: Case(prepare: signing) { tpm, key, _, session in
                try tpm.client.execute(
                    TickStampBlob.self, .init(keyHandle: key, antiReplay: .zero, digestToStamp: .zero), session)
            },
            .quote: Case(prepare: signing) { tpm, key, _, session in
                try tpm.client.execute(
                    Quote.self, .init(keyHandle: key, externalData: .zero, targetPCR: PCRSelection(indices: [1])),
                    session)
            },
            .quote2: Case(prepare: signing) { tpm, key, _, session in
                try tpm.client.execute(
                    Quote2.self,
                    .init(
                        keyHandle: key, externalData: .zero, targetPCR: PCRSelection(indices: [1]), addVersion: false),
                    session)
            },
            .unbind: Case(
                prepare: { tpm, _ in
                    let key = try tpm.newKey(OwnedTPM.template(.bind))
                    return (key, try tpm.publicKey(key).encryptOAEP(Secret([1, 1, 0, 0, 2, 42])))
                },
                run: { tpm, key, data, session in
                    try tpm.client.execute(UnBind.self, .init(keyHandle: key, inData: data), session)
                }),
            .getPubKey: Case(prepare: signing) { tpm, key, _, session in
                try tpm.client.execute(GetPubKey.self, .init(keyHandle: key), session)
            },
            .changeAuth: Case(prepare: wrappedKey) { tpm, parent, key, session in
                let key = try WireDecoder.decode(Key.self, from: key)
                let entity = try tpm.client.oiap(OwnedTPM.keyAuth)
                try tpm.client.execute(
                    ChangeAuth.self,
                    .init(
                        parentHandle: parent, protocolID: .adcp, newAuth: try session.hide(secret),
                        entityType: EntityType(kind: .key), encData: key.encData),
                    session, entity)
            },
            .delegateCreateKeyDelegation: Case(prepare: signing) { tpm, key, family, session in
                let family = family.reduce(0) { $0 << 8 | UInt32($1) }
                try tpm.client.execute(
                    DelegateCreateKeyDelegation.self,
                    .init(
                        keyHandle: key, publicInfo: OwnedTPM.info(Delegations(delegateType: .key, per1: 0), family),
                        delAuth: try session.hide(secret)),
                    session)
            },
            .createWrapKey: Case(prepare: srk) { tpm, parent, _, session in
                try tpm.client.execute(
                    CreateWrapKey.self,
                    .init(
                        parentHandle: parent, dataUsageAuth: try session.hide(secret),
                        dataMigrationAuth: try session.hideSecond(secret), keyInfo: OwnedTPM.template(.signing)),
                    session)
            },
            .certifyKey: Case(prepare: signing) { tpm, key, _, session in
                try tpm.client.execute(
                    CertifyKey.self, .init(certHandle: key, keyHandle: key, antiReplay: .zero), session,
                    try tpm.keySession())
            },
            .certifyKey2: Case(prepare: signing) { tpm, key, _, session in
                try tpm.client.execute(
                    CertifyKey2.self,
                    .init(keyHandle: key, certHandle: key, migrationPubDigest: .zero, antiReplay: .zero),
                    try tpm.keySession(), session)
            },
            .sign: Case(prepare: signing) { tpm, key, _, session in
                try tpm.client.execute(Sign.self, .init(keyHandle: key, areaToSign: digest), session)
            },
        ]
    }
}
