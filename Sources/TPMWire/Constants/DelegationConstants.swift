/// TPM_DELEGATIONS -> delegateType, 4 bytes: whose authorization is delegated (Part 2, 20.2).
public enum DelegateType: UInt32, Sendable, CaseIterable {
    /// TPM_DEL_OWNER_BITS.
    case owner = 1
    /// TPM_DEL_KEY_BITS.
    case key = 2

    /// The ordinals that can be delegated, by the number of their bit in per1 (Part 2, 20.2.1 and 20.2.3).
    public var ordinals: [Ordinal] {
        switch self {
        case .owner: Self.ownerOrdinals
        case .key: Self.keyOrdinals
        }
    }

    private static let ownerOrdinals: [Ordinal] = [
        .daaSign, .delegateCreateOwnerDelegation, .delegateManage, .releaseCounterOwner, .createCounter,
        .delegateUpdateVerification, .fieldUpgrade, .setRedirection, .disablePubekRead, .ownerReadPubek,
        .activateIdentity, .makeIdentity, .setCapability, .ownerSetDisable, .nvDefineSpace, .disableOwnerClear,
        .ownerClear, .resetLockValue, .ownerReadInternalPub, .killMaintenanceFeature, .loadMaintenanceArchive,
        .createMaintenanceArchive, .authorizeMigrationKey, .daaJoin, .delegateLoadOwnerDelegation, .nvReadValue,
        .cmkCreateTicket, .nvWriteValue, .cmkApproveMA, .dirWriteAuth, .setOrdinalAuditStatus, .keyControlOwner,
    ]

    private static let keyOrdinals: [Ordinal] = [
        .loadKey, .seal, .unseal, .quote, .unbind, .getPubKey, .changeAuth, .delegateCreateKeyDelegation,
        .convertMigrationBlob, .createMigrationBlob, .cmkCreateBlob, .createWrapKey, .certifyKey, .certifyKey2, .sign,
        .getAuditDigestSigned, .activateIdentity, .makeIdentity, .sealx, .quote2, .releaseTransportSigned,
        .establishTransport, .loadKey2, .migrateKey, .cmkCreateKey, .changeAuthAsymFinish, .changeAuthAsymStart,
        .tickStampBlob, .cmkConvertMigration,
    ]
}

/// TPM_FAMILY_FLAGS, 4 bytes (Part 2, 20.3).
public struct FamilyFlags: WireFlags, Hashable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// TPM_FAMFLAG_ENABLED: the rows of the family can be used.
    public static let enabled = FamilyFlags(rawValue: 1 << 0)
    /// TPM_DELEGATE_ADMIN_LOCK: managing the family is TPM_DELEGATE_LOCK.
    public static let delegateAdminLock = FamilyFlags(rawValue: 1 << 1)
    public static let names: KeyValuePairs<String, FamilyFlags> = [
        "enabled": .enabled, "delegateAdminLock": .delegateAdminLock,
    ]
}

/// TPM_FAMILY_OPERATION, 4 bytes: what TPM_Delegate_Manage does (Part 2, 20.14).
public enum FamilyOperation: UInt32, Sendable, CaseIterable {
    case create = 1
    case enable = 2
    case admin = 3
    case invalidate = 4
}
