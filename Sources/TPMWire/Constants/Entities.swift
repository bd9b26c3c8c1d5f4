/// The low byte of TPM_ENTITY_TYPE: what is authorised (Part 2, 4.3).
public enum EntityKind: UInt8, Sendable, CaseIterable {
    case keyHandle = 0x01
    case owner = 0x02
    case data = 0x03
    case srk = 0x04
    case key = 0x05
    case revoke = 0x06
    case delOwnerBlob = 0x07
    case delRow = 0x08
    case delKeyBlob = 0x09
    case counter = 0x0a
    case nv = 0x0b
    case `operator` = 0x0c
    case reservedHandle = 0x40
}

/// The high byte of TPM_ENTITY_TYPE: how new authorisation data is encrypted in transit (Part 2, 4.3).
public enum ADIPScheme: UInt8, Sendable, CaseIterable {
    case xor = 0x00
    case aes128CTR = 0x06
}

/// TPM_ENTITY_TYPE, 2 bytes (Part 2, 4.3).
///
/// Any value decodes, since an unknown scheme and an unknown kind are answered with different codes and a
/// TPM_STORED_DATA12 may hold 0; ``scheme`` and ``kind`` are nil for what the table does not list.
public struct EntityType: RawRepresentable, Hashable, Sendable, WireNamed {
    public var rawValue: UInt16

    public init(rawValue: UInt16) { self.rawValue = rawValue }

    public init(scheme: ADIPScheme = .xor, kind: EntityKind) {
        rawValue = UInt16(scheme.rawValue) << 8 | UInt16(kind.rawValue)
    }

    /// Such as "aes128CTR keyHandle", nil for what the table does not list.
    public var wireName: String? {
        guard let scheme, let kind else { return nil }
        return "\(scheme) \(kind)"
    }

    public var scheme: ADIPScheme? { ADIPScheme(rawValue: UInt8(rawValue >> 8)) }
    public var kind: EntityKind? { EntityKind(rawValue: UInt8(rawValue & 0xff)) }
    /// The kind where no scheme may be named, as in every command but TPM_OSAP and TPM_DSAP (Part 1, 13.4 1.d); nil
    /// with one.
    public var plainKind: EntityKind? { scheme == .xor ? kind : nil }
}

/// TPM_PAYLOAD_TYPE, 1 byte (Part 2, 4.2). Reserved and vendor values are unknown.
public enum PayloadType: UInt8, Sendable, CaseIterable {
    case asym = 0x01
    case bind = 0x02
    case migrate = 0x03
    case maint = 0x04
    case seal = 0x05
    case migrateRestricted = 0x06
    case migrateExternal = 0x07
    case cmkMigrate = 0x08
}

/// TPM_PROTOCOL_ID, 2 bytes (Part 2, 4.7).
public enum ProtocolID: UInt16, Sendable, CaseIterable {
    case oiap = 1
    case osap = 2
    case adip = 3
    case adcp = 4
    case owner = 5
    case dsap = 6
    case transport = 7
}

/// TPM_EK_TYPE, 2 bytes: which structure a TPM_EK_BLOB carries (Part 2, 4.11).
public enum EKType: UInt16, Sendable, CaseIterable {
    case activate = 1
    case auth = 2
}
