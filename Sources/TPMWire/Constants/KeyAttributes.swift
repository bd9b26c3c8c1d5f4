/// TPM_ALGORITHM_ID, 4 bytes (Part 2, 4.8). The values that were DES and 3DES are reserved, hence unknown.
public enum AlgorithmID: UInt32, Sendable, CaseIterable {
    case rsa = 0x1
    case sha = 0x4
    case hmac = 0x5
    case aes128 = 0x6
    case mgf1 = 0x7
    case aes192 = 0x8
    case aes256 = 0x9
    case xor = 0xa

    /// True for the three key sizes that the specification writes as TPM_ALG_AESxxx.
    public var isAES: Bool { self == .aes128 || self == .aes192 || self == .aes256 }
}

/// TPM_KEY_USAGE, 2 bytes (Part 2, 5.8).
public enum KeyUsage: UInt16, Sendable, CaseIterable {
    case signing = 0x10
    case storage = 0x11
    case identity = 0x12
    case authChange = 0x13
    case bind = 0x14
    case legacy = 0x15
    case migrate = 0x16

    /// The encryption schemes that a key of this usage may name (Part 2, 5.8.1).
    public var allowedEncSchemes: [EncScheme] {
        switch self {
        case .signing, .identity: [.none]
        case .storage, .authChange, .migrate: [.rsaesOAEPSHA1MGF1]
        case .bind, .legacy: [.rsaesOAEPSHA1MGF1, .rsaesPKCSv15]
        }
    }

    /// The signature schemes that a key of this usage may name (Part 2, 5.8.1).
    public var allowedSigSchemes: [SigScheme] {
        switch self {
        case .signing: [.rsassaPKCS1v15SHA1, .rsassaPKCS1v15DER, .rsassaPKCS1v15INFO]
        case .identity: [.rsassaPKCS1v15SHA1]
        case .legacy: [.rsassaPKCS1v15SHA1, .rsassaPKCS1v15DER]
        case .storage, .authChange, .bind, .migrate: [.none]
        }
    }
}

/// TPM_ENC_SCHEME, 2 bytes (Part 2, 5.8.1).
public enum EncScheme: UInt16, Sendable, CaseIterable {
    case none = 1
    case rsaesPKCSv15 = 2
    case rsaesOAEPSHA1MGF1 = 3
    case symCTR = 4
    case symOFB = 5
}

/// TPM_SIG_SCHEME, 2 bytes (Part 2, 5.8.1).
public enum SigScheme: UInt16, Sendable, CaseIterable {
    case none = 1
    case rsassaPKCS1v15SHA1 = 2
    case rsassaPKCS1v15DER = 3
    case rsassaPKCS1v15INFO = 4
}

/// TPM_AUTH_DATA_USAGE, 1 byte (Part 2, 5.9). The value 2 is reserved.
public enum AuthDataUsage: UInt8, Sendable, CaseIterable {
    case never = 0
    case always = 1
    case noReadPubkeyAuth = 3
}

/// TPM_KEY_FLAGS, 4 bytes (Part 2, 5.10). An undefined bit is an error on input.
public struct KeyFlags: WireFlags, Hashable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let redirection = KeyFlags(rawValue: 0x01)
    public static let migratable = KeyFlags(rawValue: 0x02)
    public static let isVolatile = KeyFlags(rawValue: 0x04)
    public static let pcrIgnoredOnRead = KeyFlags(rawValue: 0x08)
    public static let migrateAuthority = KeyFlags(rawValue: 0x10)
    public static let names: KeyValuePairs<String, KeyFlags> = [
        "redirection": .redirection, "migratable": .migratable, "isVolatile": .isVolatile,
        "pcrIgnoredOnRead": .pcrIgnoredOnRead, "migrateAuthority": .migrateAuthority,
    ]
}

/// TPM_KEY_CONTROL, 4 bytes (Part 2, 10.9).
public struct KeyControl: WireFlags, Hashable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let ownerEvict = KeyControl(rawValue: 1)
    public static let names: KeyValuePairs<String, KeyControl> = ["ownerEvict": .ownerEvict]
}

/// TPM_MIGRATE_SCHEME, 2 bytes (Part 2, 4.10).
public enum MigrateScheme: UInt16, Sendable, CaseIterable {
    case migrate = 1
    case rewrap = 2
    case maint = 3
    case restrictMigrate = 4
    case restrictApprove = 5
}

/// TPM_CMK_DELEGATE, 4 bytes: the CMK usages that a delegated command may handle (Part 2, 5.17).
public struct CMKDelegate: WireFlags, Hashable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let signing = CMKDelegate(rawValue: 1 << 31)
    public static let storage = CMKDelegate(rawValue: 1 << 30)
    public static let bind = CMKDelegate(rawValue: 1 << 29)
    public static let legacy = CMKDelegate(rawValue: 1 << 28)
    public static let migrate = CMKDelegate(rawValue: 1 << 27)
    public static let names: KeyValuePairs<String, CMKDelegate> = [
        "signing": .signing, "storage": .storage, "bind": .bind, "legacy": .legacy, "migrate": .migrate,
    ]
}
