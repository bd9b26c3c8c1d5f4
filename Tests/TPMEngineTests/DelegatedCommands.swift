import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

private let secret = Secret([UInt8](repeating: 0x7e, count: 20))
private let digest = [UInt8](repeating: 1, count: 20)

/// The commands of Part 2, 20.2.1, each so that it succeeds: what ``DelegationPermissionTests`` delegates.
enum OwnerCommands {
    struct Case {
        /// Something that has to be there before, made with the owner's own secret.
        var prepare: (OwnedTPM, _ family: UInt32) throws -> [UInt8] = { _, _ in [] }
        let run: (OwnedTPM, _ prepared: [UInt8], Session) throws -> Void
    }

    /// Those that hide a secret, so that an OIAP session is not enough.
    static let hiding: Set<Ordinal> = [.delegateCreateOwnerDelegation, .nvDefineSpace]

    /// Those that are tried with the chapter that they belong to.
    static let elsewhere: Set<Ordinal> = [
        .daaSign, .releaseCounterOwner, .createCounter, .fieldUpgrade, .setRedirection, .activateIdentity,
        .makeIdentity, .killMaintenanceFeature, .loadMaintenanceArchive, .createMaintenanceArchive,
        .authorizeMigrationKey, .daaJoin, .cmkCreateTicket, .cmkApproveMA, .setOrdinalAuditStatus,
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
        .convertMigrationBlob, .createMigrationBlob, .cmkCreateBlob, .getAuditDigestSigned, .activateIdentity,
        .makeIdentity, .releaseTransportSigned, .establishTransport, .migrateKey, .cmkCreateKey,
        .changeAuthAsymFinish, .changeAuthAsymStart, .tickStampBlob, .cmkConvertMigration,
    ]

    private static func srk(_ tpm: OwnedTPM, _ family: UInt32) throws -> (KeyHandle, [UInt8]) { (.srk, []) }

    private static func wrappedKey(_ tpm: OwnedTPM, _ family: UInt32) throws -> (KeyHandle, [UInt8]) {
        (.srk, try tpm.create(OwnedTPM.template(.signing)).encoded())
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
