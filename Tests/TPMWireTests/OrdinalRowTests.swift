import Testing

@testable import TPMWire

/// Every row of the table of Part 2, 17 and 17.1, as the specification prints it: the ordinal, the thirteen cells in
/// the order of the columns (a dot for an empty one), the name.
///
/// The columns: AUTH2, AUTH1, RQU; optional, no owner, physical presence, PCR use enforced; audit, duration; changes of
/// 1.2, FIPS changes; available deactivated, available disabled.
private let printed = """
    0x0000007a XX. ...X XM .. .. TPM_ORD_ActivateIdentity
    0x0000002b .X. .... XS .. .. TPM_ORD_AuthorizeMigrationKey
    0x00000032 XXX ...X .M .. .. TPM_ORD_CertifyKey
    0x00000033 XXX ...X .M N. .. TPM_ORD_CertifyKey2
    0x00000052 .XX ...X .M X. .. TPM_ORD_CertifySelfTest
    0x0000000c X.. ...X .M .. .. TPM_ORD_ChangeAuth
    0x0000000f .XX ...X .M D. .. TPM_ORD_ChangeAuthAsymFinish
    0x0000000e .XX ...X .L D. .. TPM_ORD_ChangeAuthAsymStart
    0x00000010 .X. ...X XS .. .. TPM_ORD_ChangeAuthOwner
    0x0000001d .X. O... .S N. .. TPM_ORD_CMK_ApproveMA
    0x00000024 .X. O..X .M N. .. TPM_ORD_CMK_ConvertMigration
    0x0000001b .X. O..X .M N. .. TPM_ORD_CMK_CreateBlob
    0x00000013 .X. O..X .L NX .. TPM_ORD_CMK_CreateKey
    0x00000012 .X. O... .M N. .. TPM_ORD_CMK_CreateTicket
    0x0000001c .X. O... .S N. .. TPM_ORD_CMK_SetRestrictions
    0x00000053 ..X .X.. .L .X XX TPM_ORD_ContinueSelfTest
    0x0000002a .XX ...X XM .. .. TPM_ORD_ConvertMigrationBlob
    0x000000dc .X. .... .S N. .. TPM_ORD_CreateCounter
    0x00000078 ..X .X.. .L .. .. TPM_ORD_CreateEndorsementKeyPair
    0x0000002c .X. O... XS .. .. TPM_ORD_CreateMaintenanceArchive
    0x00000028 XX. ...X XM .. .. TPM_ORD_CreateMigrationBlob
    0x0000007f ..X OX.. .L N. .. TPM_ORD_CreateRevocableEK
    0x0000001f .X. ...X XL .X .. TPM_ORD_CreateWrapKey
    0x00000029 .X. O... .L N. .. TPM_ORD_DAA_Join
    0x00000031 .X. O... .L N. .. TPM_ORD_DAA_Sign
    0x000000d4 .X. .... .M N. .. TPM_ORD_Delegate_CreateKeyDelegation
    0x000000d5 .X. .... .M N. .. TPM_ORD_Delegate_CreateOwnerDelegation
    0x000000d8 .XX .X.. .M N. .. TPM_ORD_Delegate_LoadOwnerDelegation
    0x000000d2 .XX .X.. .M N. .. TPM_ORD_Delegate_Manage
    0x000000db ..X .X.. .S N. .. TPM_ORD_Delegate_ReadTable
    0x000000d1 .X. .... .S N. .. TPM_ORD_Delegate_UpdateVerification
    0x000000d6 ..X .... .M N. .. TPM_ORD_Delegate_VerifyDelegation
    0x0000001a ..X .... .S D. .. TPM_ORD_DirRead
    0x00000019 .X. .... .S D. .. TPM_ORD_DirWriteAuth
    0x0000005e ..X .X.. XS .. .. TPM_ORD_DisableForceClear
    0x0000005c .X. .... XS .. .. TPM_ORD_DisableOwnerClear
    0x0000007e .X. .... XS .. .. TPM_ORD_DisablePubekRead
    0x00000011 ..X .... .S N. XX TPM_ORD_DSAP
    0x000000e6 .XX ...X .M N. .. TPM_ORD_EstablishTransport
    0x00000022 ..X .... .S D. .. TPM_ORD_EvictKey
    0x000000e7 .X. .... .? N. .. TPM_ORD_ExecuteTransport
    0x00000014 ..X .X.. .S .. XX TPM_ORD_Extend
    0x000000aa XXX OXP. .? .. XX TPM_ORD_FieldUpgrade
    0x000000ba ..X .X.. .S N. XX TPM_ORD_FlushSpecific
    0x0000005d ..X .XP. XS .. .. TPM_ORD_ForceClear
    0x00000085 ..X OX.. NS N. .. TPM_ORD_GetAuditDigest
    0x00000086 .XX O... NM N. .. TPM_ORD_GetAuditDigestSigned
    0x00000082 ..X O... NS X. .. TPM_ORD_GetAuditEvent
    0x00000083 .XX O... NM X. .. TPM_ORD_GetAuditEventSigned
    0x00000065 ..X .X.. .S C. XX TPM_ORD_GetCapability
    0x00000066 .X. .... .S D. .. TPM_ORD_GetCapabilityOwner
    0x00000064 .XX ...X .M X. .. TPM_ORD_GetCapabilitySigned
    0x0000008c ..X .... NS X. .. TPM_ORD_GetOrdinalAuditStatus
    0x00000021 .XX ...X .S C. .. TPM_ORD_GetPubKey
    0x00000046 ..X .X.. .S .. .. TPM_ORD_GetRandom
    0x00000054 ..X .X.. .S .. XX TPM_ORD_GetTestResult
    0x000000f1 ..X .X.. .S N. .. TPM_ORD_GetTicks
    0x000000dd .X. .... .S N. .. TPM_ORD_IncrementCounter
    0x00000097 ..X .X.. .M .. XX TPM_ORD_Init
    0x00000023 .X. .... .S N. .. TPM_ORD_KeyControlOwner
    0x0000002e .X. O... XS .. .. TPM_ORD_KillMaintenanceFeature
    0x000000b7 ..X OX.. .M D. .. TPM_ORD_LoadAuthContext
    0x000000b9 ..X .... .M N. .. TPM_ORD_LoadContext
    0x00000020 .XX ...X .M DX .. TPM_ORD_LoadKey
    0x00000041 .XX ...X .M NX .. TPM_ORD_LoadKey2
    0x000000b5 ..X OX.. .S D. .. TPM_ORD_LoadKeyContext
    0x0000002d .X. O... XS .. .. TPM_ORD_LoadMaintenanceArchive
    0x0000002f ..X OX.. XS .. .. TPM_ORD_LoadManuMaintPub
    0x00000079 XX. ...X XL .X .. TPM_ORD_MakeIdentity
    0x00000025 .XX ...X .M N. .. TPM_ORD_MigrateKey
    0x000000cc .XX .XP. .S N. AA TPM_ORD_NV_DefineSpace
    0x000000cf .XX .XPX .S N. AA TPM_ORD_NV_ReadValue
    0x000000d0 .X. ..PX .S N. .. TPM_ORD_NV_ReadValueAuth
    0x000000cd .XX .XPX .S N. AA TPM_ORD_NV_WriteValue
    0x000000ce .X. ..PX .S N. .. TPM_ORD_NV_WriteValueAuth
    0x0000000a ..X .X.. .S .. XX TPM_ORD_OIAP
    0x0000000b ..X .... .S .. XX TPM_ORD_OSAP
    0x0000005b .X. .... XS .. .. TPM_ORD_OwnerClear
    0x00000081 .X. .... .S C. .. TPM_ORD_OwnerReadInternalPub
    0x0000007d .X. .... XS D. .. TPM_ORD_OwnerReadPubek
    0x0000006e .X. .... XS .. XX TPM_ORD_OwnerSetDisable
    0x000000c8 ..X .X.. .S N. XX TPM_ORD_PCR_Reset
    0x00000015 ..X .X.. .S .. .. TPM_ORD_PcrRead
    0x00000070 ..X .XP. XS .. X. TPM_ORD_PhysicalDisable
    0x0000006f ..X .XP. XS .. XX TPM_ORD_PhysicalEnable
    0x00000072 ..X .XP. XS .. X. TPM_ORD_PhysicalSetDeactivated
    0x00000016 .XX ...X .M .. .. TPM_ORD_Quote
    0x0000003e .XX O..X .M N. .. TPM_ORD_Quote2
    0x000000de ..X .X.. .S N. .. TPM_ORD_ReadCounter
    0x00000030 ..X OX.. XS .. .. TPM_ORD_ReadManuMaintPub
    0x0000007c ..X .X.. XS .. .. TPM_ORD_ReadPubek
    0x000000df .X. .X.. .S N. .. TPM_ORD_ReleaseCounter
    0x000000e0 .X. .... .S N. .. TPM_ORD_ReleaseCounterOwner
    0x000000e8 XX. ...X .M N. .. TPM_ORD_ReleaseTransportSigned
    0x0000005a ..X .X.. .S C. XX TPM_ORD_Reset
    0x00000040 .X. .... .S N. .. TPM_ORD_ResetLockValue
    0x00000080 ..X OXP. .S N. .. TPM_ORD_RevokeTrust
    0x000000b6 ..X OX.. .M D. .. TPM_ORD_SaveAuthContext
    0x000000b8 ..X .... .M N. .. TPM_ORD_SaveContext
    0x000000b4 ..X OX.. .M D. .. TPM_ORD_SaveKeyContext
    0x00000098 ..X .X.. .M .. XX TPM_ORD_SaveState
    0x00000017 .X. ...X .M .. .. TPM_ORD_Seal
    0x0000003d .X. O..X .M N. .. TPM_ORD_Sealx
    0x00000050 ..X .X.. .L .. XX TPM_ORD_SelfTestFull
    0x0000003f .XX .XP. .S N. XX TPM_ORD_SetCapability
    0x00000074 ..X .XP. .S N. .. TPM_ORD_SetOperatorAuth
    0x0000008d .X. O... XS .. .. TPM_ORD_SetOrdinalAuditStatus
    0x00000071 ..X .XP. XS .. .. TPM_ORD_SetOwnerInstall
    0x00000075 ..X .... .S N. .. TPM_ORD_SetOwnerPointer
    0x0000009a .XX O.P. XS .. .. TPM_ORD_SetRedirection
    0x00000073 .XX .XP. XS .. .X TPM_ORD_SetTempDeactivated
    0x000000a2 ..X .X.. .S .. XX TPM_ORD_SHA1Complete
    0x000000a3 ..X .X.. .S .. XX TPM_ORD_SHA1CompleteExtend
    0x000000a0 ..X .X.. .S .. XX TPM_ORD_SHA1Start
    0x000000a1 ..X .X.. .S .. XX TPM_ORD_SHA1Update
    0x0000003c .XX ...X .M .. .. TPM_ORD_Sign
    0x00000099 ..X .X.. .S .. XX TPM_ORD_Startup
    0x00000047 ..X .X.. .S .. .. TPM_ORD_StirRandom
    0x0000000d .X. .X.. XL .. X. TPM_ORD_TakeOwnership
    0x00000096 ..X .X.. .S D. XX TPM_ORD_Terminate_Handle
    0x000000f2 .XX ...X .M N. .. TPM_ORD_TickStampBlob
    0x0000001e .XX ...X .M .. .. TPM_ORD_UnBind
    0x00000018 XX. ...X .M C. .. TPM_ORD_Unseal
    0x4000000a ..X OX.. .S C. XX TSC_ORD_PhysicalPresence
    0x4000000b ..X OX.. .S N. XX TSC_ORD_ResetEstablishmentBit
    """

@Suite struct OrdinalRowTests {
    @Test func everyRowIsTheSpecificationsAndInItsOrder() {
        let rows = printed.split(separator: "\n")
        #expect(rows.count == OrdinalTable.rows.count)
        for (printed, row) in zip(rows, OrdinalTable.rows) { #expect(print(row) == printed) }
    }

    /// The row as the table above has it, from the values that the common checks read.
    private func print(_ row: OrdinalRow) -> String {
        func mark(_ isSet: Bool, _ letter: String = "X") -> String { isSet ? letter : "." }
        func available(_ value: OrdinalRow.Availability) -> String {
            switch value {
            case .no: "."
            case .yes: "X"
            case .sometimes: "A"
            }
        }
        let audit =
            switch row.audit {
            case .default: "X"
            case .never: "N"
            case .off: "."
            }
        let duration =
            switch row.duration {
            case .short: "S"
            case .medium: "M"
            case .long: "L"
            case .variable: "?"
            }
        let change =
            switch row.change {
            case .none: "."
            case .new: "N"
            case .deleted: "X"
            case .deprecated: "D"
            case .changed: "C"
            }
        let hex = String(row.ordinal.rawValue, radix: 16)
        return [
            "0x" + String(repeating: "0", count: 8 - hex.count) + hex,
            mark(row.auth2) + mark(row.auth1) + mark(row.rqu),
            mark(row.optional, "O") + mark(row.noOwner) + mark(row.physicalPresence, "P") + mark(row.pcrUseEnforced),
            audit + duration, change + mark(row.fipsChanges),
            available(row.availableDeactivated) + available(row.availableDisabled), row.name,
        ].joined(separator: " ")
    }
}
