/// TPM_KEY_HANDLE, 4 bytes (Part 2, 4.4). Any value decodes; whether a key is behind it is for the engine.
public struct KeyHandle: RawRepresentable, Hashable, Sendable, WireStructure, WireNamed {
    public var rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue }
    public init() { rawValue = 0 }

    public static let srk = KeyHandle(rawValue: 0x4000_0000)
    public static let owner = KeyHandle(rawValue: 0x4000_0001)
    public static let revoke = KeyHandle(rawValue: 0x4000_0002)
    public static let transport = KeyHandle(rawValue: 0x4000_0003)
    public static let `operator` = KeyHandle(rawValue: 0x4000_0004)
    public static let admin = KeyHandle(rawValue: 0x4000_0005)
    public static let ek = KeyHandle(rawValue: 0x4000_0006)

    /// The reserved handles by name, nil for a loaded key.
    public var wireName: String? {
        switch self {
        case .srk: "srk"
        case .owner: "owner"
        case .revoke: "revoke"
        case .transport: "transport"
        case .operator: "operator"
        case .admin: "admin"
        case .ek: "ek"
        default: nil
        }
    }

    /// True when the most significant byte is 0x40, which the TPM never gives to a loaded key.
    public var isReserved: Bool { rawValue >> 24 == 0x40 }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.uint32("handle", &rawValue)
        coder.meaning(wireName)
    }
}

/// TPM_RESOURCE_TYPE, 4 bytes (Part 2, 4.1).
public enum ResourceType: UInt32, Sendable, CaseIterable {
    case key = 1
    case auth = 2
    case hash = 3
    case trans = 4
    case context = 5
    case counter = 6
    case delegate = 7
    case daaTPM = 8
    case daaV0 = 9
    case daaV1 = 10
}
