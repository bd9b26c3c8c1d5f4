import Testing

@testable import TPMWire

/// The list of commands against the ordinals of Part 2, 17.
@Suite struct CommandTableTests {
    private static let ordinals: [(any Command.Type, UInt32)] = [
        (Startup.self, 0x99), (SaveState.self, 0x98), (SelfTestFull.self, 0x50), (ContinueSelfTest.self, 0x53),
        (GetTestResult.self, 0x54), (SetOwnerInstall.self, 0x71), (OwnerSetDisable.self, 0x6e),
        (PhysicalEnable.self, 0x6f), (PhysicalDisable.self, 0x70), (PhysicalSetDeactivated.self, 0x72),
        (SetTempDeactivated.self, 0x73), (SetOperatorAuth.self, 0x74), (TakeOwnership.self, 0x0d),
        (OwnerClear.self, 0x5b), (ForceClear.self, 0x5d), (DisableOwnerClear.self, 0x5c),
        (DisableForceClear.self, 0x5e), (TSCPhysicalPresence.self, 0x4000_000a),
        (TSCResetEstablishmentBit.self, 0x4000_000b), (GetCapability.self, 0x65), (SetCapability.self, 0x3f),
        (GetCapabilityOwner.self, 0x66), (GetAuditDigest.self, 0x85), (GetAuditDigestSigned.self, 0x86),
        (SetOrdinalAuditStatus.self, 0x8d), (ResetLockValue.self, 0x40), (Seal.self, 0x17), (Unseal.self, 0x18),
        (UnBind.self, 0x1e), (CreateWrapKey.self, 0x1f), (LoadKey2.self, 0x41), (GetPubKey.self, 0x21),
        (Sealx.self, 0x3d), (CreateMigrationBlob.self, 0x28), (ConvertMigrationBlob.self, 0x2a),
        (AuthorizeMigrationKey.self, 0x2b), (MigrateKey.self, 0x25), (CMKSetRestrictions.self, 0x1c),
        (CMKApproveMA.self, 0x1d), (CMKCreateKey.self, 0x13), (CMKCreateTicket.self, 0x12), (CMKCreateBlob.self, 0x1b),
        (CMKConvertMigration.self, 0x24), (CreateMaintenanceArchive.self, 0x2c), (LoadMaintenanceArchive.self, 0x2d),
        (KillMaintenanceFeature.self, 0x2e), (LoadManuMaintPub.self, 0x2f), (ReadManuMaintPub.self, 0x30),
        (SHA1Start.self, 0xa0), (SHA1Update.self, 0xa1), (SHA1Complete.self, 0xa2),
        (SHA1CompleteExtend.self, 0xa3), (Sign.self, 0x3c), (GetRandom.self, 0x46), (StirRandom.self, 0x47),
        (CertifyKey.self, 0x32), (CertifyKey2.self, 0x33), (CreateEndorsementKeyPair.self, 0x78),
        (CreateRevocableEK.self, 0x7f), (RevokeTrust.self, 0x80), (ReadPubek.self, 0x7c),
        (OwnerReadInternalPub.self, 0x81), (Extend.self, 0x14), (PcrRead.self, 0x15), (Quote.self, 0x16),
        (PCRReset.self, 0xc8), (Quote2.self, 0x3e), (ChangeAuth.self, 0x0c), (ChangeAuthOwner.self, 0x10),
        (OIAP.self, 0x0a), (OSAP.self, 0x0b), (SetOwnerPointer.self, 0x75), (NVDefineSpace.self, 0xcc),
        (NVWriteValue.self, 0xcd), (NVWriteValueAuth.self, 0xce), (NVReadValue.self, 0xcf),
        (NVReadValueAuth.self, 0xd0), (KeyControlOwner.self, 0x23), (SaveContext.self, 0xb8),
        (LoadContext.self, 0xb9), (FlushSpecific.self, 0xba), (GetTicks.self, 0xf1), (TickStampBlob.self, 0xf2),
        (EstablishTransport.self, 0xe6), (ExecuteTransport.self, 0xe7), (ReleaseTransportSigned.self, 0xe8),
        (EvictKey.self, 0x22), (TerminateHandle.self, 0x96),
        (SaveKeyContext.self, 0xb4), (LoadKeyContext.self, 0xb5), (SaveAuthContext.self, 0xb6),
        (LoadAuthContext.self, 0xb7),
        (DirWriteAuth.self, 0x19),
        (DirRead.self, 0x1a),
        (Reset.self, 0x5a),
        (OwnerReadPubek.self, 0x7d),
        (DisablePubekRead.self, 0x7e),
        (LoadKey.self, 0x20),
        (DSAP.self, 0x11),
        (DelegateManage.self, 0xd2),
        (DelegateCreateKeyDelegation.self, 0xd4),
        (DelegateCreateOwnerDelegation.self, 0xd5),
        (DelegateLoadOwnerDelegation.self, 0xd8),
        (DelegateReadTable.self, 0xdb),
        (DelegateUpdateVerification.self, 0xd1),
        (DAAJoin.self, 0x29),
        (DAASign.self, 0x31),
        (DelegateVerifyDelegation.self, 0xd6),
        (ChangeAuthAsymStart.self, 0x0e),
        (ChangeAuthAsymFinish.self, 0x0f),
    ]

    @Test func everyCommandHasItsOrdinalAndIsFoundByIt() {
        for (command, ordinal) in Self.ordinals {
            #expect(command.ordinal.rawValue == ordinal, "\(command)")
            #expect(CommandTable.command(for: Ordinal(rawValue: ordinal)) == command, "\(command)")
        }
    }

    @Test func noOrdinalIsListedTwiceAndEachIsOneOfTheSpecification() {
        let ordinals = CommandTable.all.map { $0.ordinal }
        #expect(Set(ordinals).count == ordinals.count)
        for ordinal in ordinals { #expect(OrdinalTable.row(for: ordinal) != nil, "\(ordinal)") }
        #expect(CommandTable.command(for: Ordinal(rawValue: 0xffff_ffff)) == nil)
    }

    @Test func commandsWithoutOperandsHaveNone() {
        func operands<C: Command>(_ command: C.Type) -> [any Operands.Type] { [C.Request.self, C.Response.self] }
        let bare: [any Command.Type] = [
            SaveState.self, SelfTestFull.self, ContinueSelfTest.self, PhysicalEnable.self, PhysicalDisable.self,
            SetTempDeactivated.self, OwnerClear.self, ForceClear.self, DisableOwnerClear.self,
            DisableForceClear.self, TSCResetEstablishmentBit.self, ResetLockValue.self, Reset.self,
            DisablePubekRead.self, KillMaintenanceFeature.self,
        ]
        for command in bare {
            #expect(operands(command).allSatisfy { $0 == NoOperands.self }, "\(command)")
        }
    }
}
