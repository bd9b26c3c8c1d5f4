/// What the specification says of one command. Part 2, section 17.
public struct OrdinalRow: Sendable {
    /// Whether use of the command is audited unless the owner says otherwise.
    public enum Audit: Sendable {
        /// Audited by default.
        case `default`
        /// Never audited, whatever the owner asks.
        case never
        /// Not audited by default.
        case off
    }

    public enum Duration: Sendable {
        /// No asymmetric cryptography.
        case short
        /// An asymmetric operation.
        case medium
        /// Asymmetric key generation.
        case long
        /// Not fixed: it depends on the implementation or on a wrapped command.
        case variable
    }

    /// How TPM 1.2 treats the command against TPM 1.1.
    public enum Change: Sendable {
        case none, new, deleted, deprecated, changed
    }

    public enum Availability: Sendable {
        case no
        case yes
        /// The command's own actions decide.
        case sometimes
    }

    public let ordinal: Ordinal
    /// The specification's name, such as `TPM_ORD_Extend`.
    public let name: String
    /// Can run with two authorization sessions.
    public let auth2: Bool
    /// Can run with one authorization session.
    public let auth1: Bool
    /// Can run with no authorization session.
    public let rqu: Bool
    public let optional: Bool
    /// Can run while the TPM has no owner.
    public let noOwner: Bool
    /// May look at the physical presence indication.
    public let physicalPresence: Bool
    public let pcrUseEnforced: Bool
    public let audit: Audit
    public let duration: Duration
    public let change: Change
    /// Changed to meet FIPS 140.
    public let fipsChanges: Bool
    public let availableDeactivated: Availability
    public let availableDisabled: Availability
}

/// The table of commands. Part 2, sections 17 and 17.1.
public enum OrdinalTable {
    /// The row of a command; nil for an ordinal the specification does not name. Constant time.
    public static func row(for ordinal: Ordinal) -> OrdinalRow? {
        slot(of: ordinal).flatMap { slots[$0] }
    }

    /// Every named row, in the specification's order.
    // swift-format-ignore
    public static let rows: [OrdinalRow] = [
        // 2, 1, R: AUTH2, AUTH1, RQU.  O, W, P, E: optional, no owner, physical presence, PCR use enforced.
        // A, T: audit, duration.  C, F: 1.2 changes, FIPS changes.  V, B: available deactivated, disabled.
        // The letters in the cells are the specification's; a dot is an empty cell.
        //                                                                             21R OWPE AT CF VB
        row(.activateIdentity,              "TPM_ORD_ActivateIdentity",               "XX. ...X XM .. .."),
        row(.authorizeMigrationKey,         "TPM_ORD_AuthorizeMigrationKey",          ".X. .... XS .. .."),
        row(.certifyKey,                    "TPM_ORD_CertifyKey",                     "XXX ...X .M .. .."),
        row(.certifyKey2,                   "TPM_ORD_CertifyKey2",                    "XXX ...X .M N. .."),
        row(.certifySelfTest,               "TPM_ORD_CertifySelfTest",                ".XX ...X .M X. .."),
        row(.changeAuth,                    "TPM_ORD_ChangeAuth",                     "X.. ...X .M .. .."),
        row(.changeAuthAsymFinish,          "TPM_ORD_ChangeAuthAsymFinish",           ".XX ...X .M D. .."),
        row(.changeAuthAsymStart,           "TPM_ORD_ChangeAuthAsymStart",            ".XX ...X .L D. .."),
        row(.changeAuthOwner,               "TPM_ORD_ChangeAuthOwner",                ".X. ...X XS .. .."),
        row(.cmkApproveMA,                  "TPM_ORD_CMK_ApproveMA",                  ".X. O... .S N. .."),
        row(.cmkConvertMigration,           "TPM_ORD_CMK_ConvertMigration",           ".X. O..X .M N. .."),
        row(.cmkCreateBlob,                 "TPM_ORD_CMK_CreateBlob",                 ".X. O..X .M N. .."),
        row(.cmkCreateKey,                  "TPM_ORD_CMK_CreateKey",                  ".X. O..X .L NX .."),
        row(.cmkCreateTicket,               "TPM_ORD_CMK_CreateTicket",               ".X. O... .M N. .."),
        row(.cmkSetRestrictions,            "TPM_ORD_CMK_SetRestrictions",            ".X. O... .S N. .."),
        row(.continueSelfTest,              "TPM_ORD_ContinueSelfTest",               "..X .X.. .L .X XX"),
        row(.convertMigrationBlob,          "TPM_ORD_ConvertMigrationBlob",           ".XX ...X XM .. .."),
        row(.createCounter,                 "TPM_ORD_CreateCounter",                  ".X. .... .S N. .."),
        row(.createEndorsementKeyPair,      "TPM_ORD_CreateEndorsementKeyPair",       "..X .X.. .L .. .."),
        row(.createMaintenanceArchive,      "TPM_ORD_CreateMaintenanceArchive",       ".X. O... XS .. .."),
        row(.createMigrationBlob,           "TPM_ORD_CreateMigrationBlob",            "XX. ...X XM .. .."),
        row(.createRevocableEK,             "TPM_ORD_CreateRevocableEK",              "..X OX.. .L N. .."),
        row(.createWrapKey,                 "TPM_ORD_CreateWrapKey",                  ".X. ...X XL .X .."),
        row(.daaJoin,                       "TPM_ORD_DAA_Join",                       ".X. O... .L N. .."),
        row(.daaSign,                       "TPM_ORD_DAA_Sign",                       ".X. O... .L N. .."),
        row(.delegateCreateKeyDelegation,   "TPM_ORD_Delegate_CreateKeyDelegation",   ".X. .... .M N. .."),
        row(.delegateCreateOwnerDelegation, "TPM_ORD_Delegate_CreateOwnerDelegation", ".X. .... .M N. .."),
        row(.delegateLoadOwnerDelegation,   "TPM_ORD_Delegate_LoadOwnerDelegation",   ".XX .X.. .M N. .."),
        row(.delegateManage,                "TPM_ORD_Delegate_Manage",                ".XX .X.. .M N. .."),
        row(.delegateReadTable,             "TPM_ORD_Delegate_ReadTable",             "..X .X.. .S N. .."),
        row(.delegateUpdateVerification,    "TPM_ORD_Delegate_UpdateVerification",    ".X. .... .S N. .."),
        row(.delegateVerifyDelegation,      "TPM_ORD_Delegate_VerifyDelegation",      "..X .... .M N. .."),
        row(.dirRead,                       "TPM_ORD_DirRead",                        "..X .... .S D. .."),
        row(.dirWriteAuth,                  "TPM_ORD_DirWriteAuth",                   ".X. .... .S D. .."),
        row(.disableForceClear,             "TPM_ORD_DisableForceClear",              "..X .X.. XS .. .."),
        row(.disableOwnerClear,             "TPM_ORD_DisableOwnerClear",              ".X. .... XS .. .."),
        row(.disablePubekRead,              "TPM_ORD_DisablePubekRead",               ".X. .... XS .. .."),
        row(.dsap,                          "TPM_ORD_DSAP",                           "..X .... .S N. XX"),
        row(.establishTransport,            "TPM_ORD_EstablishTransport",             ".XX ...X .M N. .."),
        row(.evictKey,                      "TPM_ORD_EvictKey",                       "..X .... .S D. .."),
        row(.executeTransport,              "TPM_ORD_ExecuteTransport",               ".X. .... .? N. .."),
        row(.extend,                        "TPM_ORD_Extend",                         "..X .X.. .S .. XX"),
        row(.fieldUpgrade,                  "TPM_ORD_FieldUpgrade",                   "XXX OXP. .? .. XX"),
        row(.flushSpecific,                 "TPM_ORD_FlushSpecific",                  "..X .X.. .S N. XX"),
        row(.forceClear,                    "TPM_ORD_ForceClear",                     "..X .XP. XS .. .."),
        row(.getAuditDigest,                "TPM_ORD_GetAuditDigest",                 "..X OX.. NS N. .."),
        row(.getAuditDigestSigned,          "TPM_ORD_GetAuditDigestSigned",           ".XX O... NM N. .."),
        row(.getAuditEvent,                 "TPM_ORD_GetAuditEvent",                  "..X O... NS X. .."),
        row(.getAuditEventSigned,           "TPM_ORD_GetAuditEventSigned",            ".XX O... NM X. .."),
        row(.getCapability,                 "TPM_ORD_GetCapability",                  "..X .X.. .S C. XX"),
        row(.getCapabilityOwner,            "TPM_ORD_GetCapabilityOwner",             ".X. .... .S D. .."),
        row(.getCapabilitySigned,           "TPM_ORD_GetCapabilitySigned",            ".XX ...X .M X. .."),
        row(.getOrdinalAuditStatus,         "TPM_ORD_GetOrdinalAuditStatus",          "..X .... NS X. .."),
        row(.getPubKey,                     "TPM_ORD_GetPubKey",                      ".XX ...X .S C. .."),
        row(.getRandom,                     "TPM_ORD_GetRandom",                      "..X .X.. .S .. .."),
        row(.getTestResult,                 "TPM_ORD_GetTestResult",                  "..X .X.. .S .. XX"),
        row(.getTicks,                      "TPM_ORD_GetTicks",                       "..X .X.. .S N. .."),
        row(.incrementCounter,              "TPM_ORD_IncrementCounter",               ".X. .... .S N. .."),
        row(.tpmInit,                       "TPM_ORD_Init",                           "..X .X.. .M .. XX"),
        row(.keyControlOwner,               "TPM_ORD_KeyControlOwner",                ".X. .... .S N. .."),
        row(.killMaintenanceFeature,        "TPM_ORD_KillMaintenanceFeature",         ".X. O... XS .. .."),
        row(.loadAuthContext,               "TPM_ORD_LoadAuthContext",                "..X OX.. .M D. .."),
        row(.loadContext,                   "TPM_ORD_LoadContext",                    "..X .... .M N. .."),
        row(.loadKey,                       "TPM_ORD_LoadKey",                        ".XX ...X .M DX .."),
        row(.loadKey2,                      "TPM_ORD_LoadKey2",                       ".XX ...X .M NX .."),
        row(.loadKeyContext,                "TPM_ORD_LoadKeyContext",                 "..X OX.. .S D. .."),
        row(.loadMaintenanceArchive,        "TPM_ORD_LoadMaintenanceArchive",         ".X. O... XS .. .."),
        row(.loadManuMaintPub,              "TPM_ORD_LoadManuMaintPub",               "..X OX.. XS .. .."),
        row(.makeIdentity,                  "TPM_ORD_MakeIdentity",                   "XX. ...X XL .X .."),
        row(.migrateKey,                    "TPM_ORD_MigrateKey",                     ".XX ...X .M N. .."),
        row(.nvDefineSpace,                 "TPM_ORD_NV_DefineSpace",                 ".XX .XP. .S N. AA"),
        row(.nvReadValue,                   "TPM_ORD_NV_ReadValue",                   ".XX .XPX .S N. AA"),
        row(.nvReadValueAuth,               "TPM_ORD_NV_ReadValueAuth",               ".X. ..PX .S N. .."),
        row(.nvWriteValue,                  "TPM_ORD_NV_WriteValue",                  ".XX .XPX .S N. AA"),
        row(.nvWriteValueAuth,              "TPM_ORD_NV_WriteValueAuth",              ".X. ..PX .S N. .."),
        row(.oiap,                          "TPM_ORD_OIAP",                           "..X .X.. .S .. XX"),
        row(.osap,                          "TPM_ORD_OSAP",                           "..X .... .S .. XX"),
        row(.ownerClear,                    "TPM_ORD_OwnerClear",                     ".X. .... XS .. .."),
        row(.ownerReadInternalPub,          "TPM_ORD_OwnerReadInternalPub",           ".X. .... .S C. .."),
        row(.ownerReadPubek,                "TPM_ORD_OwnerReadPubek",                 ".X. .... XS D. .."),
        row(.ownerSetDisable,               "TPM_ORD_OwnerSetDisable",                ".X. .... XS .. XX"),
        row(.pcrReset,                      "TPM_ORD_PCR_Reset",                      "..X .X.. .S N. XX"),
        row(.pcrRead,                       "TPM_ORD_PcrRead",                        "..X .X.. .S .. .."),
        row(.physicalDisable,               "TPM_ORD_PhysicalDisable",                "..X .XP. XS .. X."),
        row(.physicalEnable,                "TPM_ORD_PhysicalEnable",                 "..X .XP. XS .. XX"),
        row(.physicalSetDeactivated,        "TPM_ORD_PhysicalSetDeactivated",         "..X .XP. XS .. X."),
        row(.quote,                         "TPM_ORD_Quote",                          ".XX ...X .M .. .."),
        row(.quote2,                        "TPM_ORD_Quote2",                         ".XX O..X .M N. .."),
        row(.readCounter,                   "TPM_ORD_ReadCounter",                    "..X .X.. .S N. .."),
        row(.readManuMaintPub,              "TPM_ORD_ReadManuMaintPub",               "..X OX.. XS .. .."),
        row(.readPubek,                     "TPM_ORD_ReadPubek",                      "..X .X.. XS .. .."),
        row(.releaseCounter,                "TPM_ORD_ReleaseCounter",                 ".X. .X.. .S N. .."),
        row(.releaseCounterOwner,           "TPM_ORD_ReleaseCounterOwner",            ".X. .... .S N. .."),
        row(.releaseTransportSigned,        "TPM_ORD_ReleaseTransportSigned",         "XX. ...X .M N. .."),
        row(.reset,                         "TPM_ORD_Reset",                          "..X .X.. .S C. XX"),
        row(.resetLockValue,                "TPM_ORD_ResetLockValue",                 ".X. .... .S N. .."),
        row(.revokeTrust,                   "TPM_ORD_RevokeTrust",                    "..X OXP. .S N. .."),
        row(.saveAuthContext,               "TPM_ORD_SaveAuthContext",                "..X OX.. .M D. .."),
        row(.saveContext,                   "TPM_ORD_SaveContext",                    "..X .... .M N. .."),
        row(.saveKeyContext,                "TPM_ORD_SaveKeyContext",                 "..X OX.. .M D. .."),
        row(.saveState,                     "TPM_ORD_SaveState",                      "..X .X.. .M .. XX"),
        row(.seal,                          "TPM_ORD_Seal",                           ".X. ...X .M .. .."),
        row(.sealx,                         "TPM_ORD_Sealx",                          ".X. O..X .M N. .."),
        row(.selfTestFull,                  "TPM_ORD_SelfTestFull",                   "..X .X.. .L .. XX"),
        row(.setCapability,                 "TPM_ORD_SetCapability",                  ".XX .XP. .S N. XX"),
        row(.setOperatorAuth,               "TPM_ORD_SetOperatorAuth",                "..X .XP. .S N. .."),
        row(.setOrdinalAuditStatus,         "TPM_ORD_SetOrdinalAuditStatus",          ".X. O... XS .. .."),
        row(.setOwnerInstall,               "TPM_ORD_SetOwnerInstall",                "..X .XP. XS .. .."),
        row(.setOwnerPointer,               "TPM_ORD_SetOwnerPointer",                "..X .... .S N. .."),
        row(.setRedirection,                "TPM_ORD_SetRedirection",                 ".XX O.P. XS .. .."),
        row(.setTempDeactivated,            "TPM_ORD_SetTempDeactivated",             ".XX .XP. XS .. .X"),
        row(.sha1Complete,                  "TPM_ORD_SHA1Complete",                   "..X .X.. .S .. XX"),
        row(.sha1CompleteExtend,            "TPM_ORD_SHA1CompleteExtend",             "..X .X.. .S .. XX"),
        row(.sha1Start,                     "TPM_ORD_SHA1Start",                      "..X .X.. .S .. XX"),
        row(.sha1Update,                    "TPM_ORD_SHA1Update",                     "..X .X.. .S .. XX"),
        row(.sign,                          "TPM_ORD_Sign",                           ".XX ...X .M .. .."),
        row(.startup,                       "TPM_ORD_Startup",                        "..X .X.. .S .. XX"),
        row(.stirRandom,                    "TPM_ORD_StirRandom",                     "..X .X.. .S .. .."),
        row(.takeOwnership,                 "TPM_ORD_TakeOwnership",                  ".X. .X.. XL .. X."),
        row(.terminateHandle,               "TPM_ORD_Terminate_Handle",               "..X .X.. .S D. XX"),
        row(.tickStampBlob,                 "TPM_ORD_TickStampBlob",                  ".XX ...X .M N. .."),
        row(.unbind,                        "TPM_ORD_UnBind",                         ".XX ...X .M .. .."),
        row(.unseal,                        "TPM_ORD_Unseal",                         "XX. ...X .M C. .."),
        row(.tscPhysicalPresence,           "TSC_ORD_PhysicalPresence",               "..X OX.. .S C. XX"),
        row(.tscResetEstablishmentBit,      "TSC_ORD_ResetEstablishmentBit",          "..X OX.. .S N. XX"),
    ]
}

// MARK: - Lookup

extension OrdinalTable {
    private static let protectedSlots: UInt32 = 256
    private static let connectionSlots: UInt32 = 16
    /// The flag of a connection command. Part 2, section 17.
    private static let connectionBase: UInt32 = 0x4000_0000

    private static let slots: [OrdinalRow?] = {
        var slots = [OrdinalRow?](repeating: nil, count: Int(protectedSlots + connectionSlots))
        for row in rows {
            if let slot = slot(of: row.ordinal) {
                slots[slot] = row
            }
        }
        return slots
    }()

    private static func slot(of ordinal: Ordinal) -> Int? {
        switch ordinal.rawValue {
        case 0..<protectedSlots:
            Int(ordinal.rawValue)
        case connectionBase..<(connectionBase + connectionSlots):
            Int(ordinal.rawValue - connectionBase + protectedSlots)
        default:
            nil
        }
    }
}

// MARK: - Reading a row

extension OrdinalTable {
    /// Reads the thirteen cells of a row, in the column order of Part 2, section 17.
    private static func row(_ ordinal: Ordinal, _ name: String, _ columns: String) -> OrdinalRow {
        let cells = Array(columns.filter { $0 != " " })
        precondition(cells.count == 13, "a row of the ordinal table has thirteen cells")
        return OrdinalRow(
            ordinal: ordinal,
            name: name,
            auth2: mark(cells[0]),
            auth1: mark(cells[1]),
            rqu: mark(cells[2]),
            optional: mark(cells[3], "O"),
            noOwner: mark(cells[4]),
            physicalPresence: mark(cells[5], "P"),
            pcrUseEnforced: mark(cells[6]),
            audit: choose(cells[7], ["X": .default, "N": .never, ".": .off]),
            duration: choose(cells[8], ["S": .short, "M": .medium, "L": .long, "?": .variable]),
            change: choose(
                cells[9], [".": .none, "N": .new, "X": .deleted, "D": .deprecated, "C": .changed]),
            fipsChanges: mark(cells[10]),
            availableDeactivated: choose(cells[11], [".": .no, "X": .yes, "A": .sometimes]),
            availableDisabled: choose(cells[12], [".": .no, "X": .yes, "A": .sometimes]))
    }

    private static func mark(_ cell: Character, _ letter: Character = "X") -> Bool {
        choose(cell, [letter: true, ".": false])
    }

    private static func choose<Value>(_ cell: Character, _ meanings: KeyValuePairs<Character, Value>) -> Value {
        guard let meaning = meanings.first(where: { $0.key == cell }) else {
            preconditionFailure("\(cell) is no entry of this column of the ordinal table")
        }
        return meaning.value
    }
}
