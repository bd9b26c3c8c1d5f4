/// Every command that is described, by ordinal: the one list that the engine, traces and scripts share.
public enum CommandTable {
    /// In the order of Part 3.
    public static let all: [any Command.Type] = [
        // 3 to 5
        Startup.self, SaveState.self,
        SelfTestFull.self, ContinueSelfTest.self, GetTestResult.self,
        SetOwnerInstall.self, OwnerSetDisable.self, PhysicalEnable.self, PhysicalDisable.self,
        PhysicalSetDeactivated.self, SetTempDeactivated.self, SetOperatorAuth.self,
        // 6
        TakeOwnership.self, OwnerClear.self, ForceClear.self, DisableOwnerClear.self, DisableForceClear.self,
        TSCPhysicalPresence.self, TSCResetEstablishmentBit.self,
        // 7 to 9
        GetCapability.self, SetCapability.self, GetCapabilityOwner.self,
        GetAuditDigest.self, GetAuditDigestSigned.self, SetOrdinalAuditStatus.self,
        ResetLockValue.self,
        // 10
        Seal.self, Unseal.self, UnBind.self, CreateWrapKey.self, LoadKey2.self, GetPubKey.self, Sealx.self,
        // 11 and 12
        CreateMigrationBlob.self, ConvertMigrationBlob.self, AuthorizeMigrationKey.self, MigrateKey.self,
        CMKSetRestrictions.self, CMKApproveMA.self, CMKCreateKey.self, CMKCreateTicket.self, CMKCreateBlob.self,
        CMKConvertMigration.self,
        CreateMaintenanceArchive.self, LoadMaintenanceArchive.self, KillMaintenanceFeature.self,
        LoadManuMaintPub.self, ReadManuMaintPub.self,
        // 13
        SHA1Start.self, SHA1Update.self, SHA1Complete.self, SHA1CompleteExtend.self,
        Sign.self, GetRandom.self, StirRandom.self, CertifyKey.self, CertifyKey2.self,
        // 14
        CreateEndorsementKeyPair.self, CreateRevocableEK.self, RevokeTrust.self, ReadPubek.self,
        OwnerReadInternalPub.self,
        // 15
        MakeIdentity.self, ActivateIdentity.self,
        // 16 to 18
        Extend.self, PcrRead.self, Quote.self, PCRReset.self, Quote2.self,
        ChangeAuth.self, ChangeAuthOwner.self,
        OIAP.self, OSAP.self, DSAP.self, SetOwnerPointer.self,
        // 19
        DelegateManage.self, DelegateCreateKeyDelegation.self, DelegateCreateOwnerDelegation.self,
        DelegateLoadOwnerDelegation.self, DelegateReadTable.self, DelegateUpdateVerification.self,
        DelegateVerifyDelegation.self,
        // 20 to 22
        NVDefineSpace.self, NVWriteValue.self, NVWriteValueAuth.self, NVReadValue.self, NVReadValueAuth.self,
        KeyControlOwner.self, SaveContext.self, LoadContext.self,
        FlushSpecific.self,
        // 23 and 24
        GetTicks.self, TickStampBlob.self,
        EstablishTransport.self, ExecuteTransport.self, ReleaseTransportSigned.self,
        // 25 and 26
        CreateCounter.self, IncrementCounter.self, ReadCounter.self, ReleaseCounter.self, ReleaseCounterOwner.self,
        DAAJoin.self, DAASign.self,
        // 27
        EvictKey.self, TerminateHandle.self, SaveKeyContext.self, LoadKeyContext.self, SaveAuthContext.self,
        LoadAuthContext.self, DirWriteAuth.self, DirRead.self, ChangeAuthAsymStart.self, ChangeAuthAsymFinish.self,
        Reset.self, OwnerReadPubek.self, DisablePubekRead.self, LoadKey.self,
    ]

    private static let byOrdinal: [Ordinal: any Command.Type] = Dictionary(
        all.map { ($0.ordinal, $0) }, uniquingKeysWith: { first, _ in first })

    /// The command of an ordinal, nil for one that is not described.
    public static func command(for ordinal: Ordinal) -> (any Command.Type)? { byOrdinal[ordinal] }
}
