/// TPM_STARTUP_TYPE, 2 bytes (Part 2, 4.5).
public enum StartupType: UInt16, Sendable, CaseIterable {
    case clear = 1
    case state = 2
    case deactivated = 3
}

/// TPM_STARTUP_EFFECTS, 4 bytes: what TPM_Startup does to each resource (Part 2, 4.6).
///
/// Bit 4 is deprecated and counts as undefined.
public struct StartupEffects: WireFlags, Hashable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let contextInitialisedByState = StartupEffects(rawValue: 1 << 0)
    public static let transInitialisedByState = StartupEffects(rawValue: 1 << 1)
    public static let hashInitialisedByState = StartupEffects(rawValue: 1 << 2)
    public static let authInitialisedByState = StartupEffects(rawValue: 1 << 3)
    public static let auditDigestZeroedByAny = StartupEffects(rawValue: 1 << 5)
    public static let auditDigestZeroedByClear = StartupEffects(rawValue: 1 << 6)
    public static let auditDigestUnaffected = StartupEffects(rawValue: 1 << 7)
    public static let daaInitialisedByState = StartupEffects(rawValue: 1 << 8)
    public static let names: KeyValuePairs<String, StartupEffects> = [
        "contextInitialisedByState": .contextInitialisedByState, "transInitialisedByState": .transInitialisedByState,
        "hashInitialisedByState": .hashInitialisedByState, "authInitialisedByState": .authInitialisedByState,
        "auditDigestZeroedByAny": .auditDigestZeroedByAny, "auditDigestZeroedByClear": .auditDigestZeroedByClear,
        "auditDigestUnaffected": .auditDigestUnaffected, "daaInitialisedByState": .daaInitialisedByState,
    ]
}

/// TPM_PHYSICAL_PRESENCE, 2 bytes (Part 2, 4.9). The legal combinations are for TSC_PhysicalPresence.
public struct PhysicalPresence: WireFlags, Hashable {
    public let rawValue: UInt16

    public init(rawValue: UInt16) { self.rawValue = rawValue }

    public static let lock = PhysicalPresence(rawValue: 0x0004)
    public static let present = PhysicalPresence(rawValue: 0x0008)
    public static let notPresent = PhysicalPresence(rawValue: 0x0010)
    public static let cmdEnable = PhysicalPresence(rawValue: 0x0020)
    public static let hwEnable = PhysicalPresence(rawValue: 0x0040)
    public static let lifetimeLock = PhysicalPresence(rawValue: 0x0080)
    public static let cmdDisable = PhysicalPresence(rawValue: 0x0100)
    public static let hwDisable = PhysicalPresence(rawValue: 0x0200)
    public static let names: KeyValuePairs<String, PhysicalPresence> = [
        "lock": .lock, "present": .present, "notPresent": .notPresent, "cmdEnable": .cmdEnable, "hwEnable": .hwEnable,
        "lifetimeLock": .lifetimeLock, "cmdDisable": .cmdDisable, "hwDisable": .hwDisable,
    ]
}

/// TPM_PLATFORM_SPECIFIC, 2 bytes (Part 2, 4.12).
public enum PlatformSpecific: UInt16, Sendable, CaseIterable {
    case pc11 = 1
    case pc12 = 2
    case pda12 = 3
    case server12 = 4
    case mobile12 = 5
}

/// TPM_LOCALITY_SELECTION, 1 byte: one bit for each of the localities 0 to 4 (Part 2, 8.6).
public struct LocalitySelection: WireFlags, Hashable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The selection of one locality; a number above 4 selects none.
    public init(locality: Int) {
        rawValue = (0...4).contains(locality) ? 1 << UInt8(locality) : 0
    }

    public static let zero = LocalitySelection(rawValue: 1 << 0)
    public static let one = LocalitySelection(rawValue: 1 << 1)
    public static let two = LocalitySelection(rawValue: 1 << 2)
    public static let three = LocalitySelection(rawValue: 1 << 3)
    public static let four = LocalitySelection(rawValue: 1 << 4)
    public static let all = LocalitySelection(rawValue: 0x1f)
    public static let names: KeyValuePairs<String, LocalitySelection> = [
        "zero": .zero, "one": .one, "two": .two, "three": .three, "four": .four,
    ]

    /// True when the bit of the locality is set (Part 2, 8.8.1).
    public func contains(locality: Int) -> Bool {
        !isDisjoint(with: LocalitySelection(locality: locality))
    }
}

/// TPM_TAG of a command or a response, 2 bytes (Part 2, 6); TPM_BADTAG for what is not listed.
public enum CommandTag: UInt16, Sendable, CaseIterable {
    case rquCommand = 0x00c1
    case rquAuth1 = 0x00c2
    case rquAuth2 = 0x00c3
    case rspCommand = 0x00c4
    case rspAuth1 = 0x00c5
    case rspAuth2 = 0x00c6

    /// True for the three tags of a request.
    public var isRequest: Bool { rawValue <= CommandTag.rquAuth2.rawValue }

    /// The number of authorisation trailers that follow the parameters.
    public var authCount: Int {
        switch self {
        case .rquCommand, .rspCommand: 0
        case .rquAuth1, .rspAuth1: 1
        case .rquAuth2, .rspAuth2: 2
        }
    }

    /// The tag of the successful response to a request; a response tag is its own.
    public var response: CommandTag {
        switch self {
        case .rquCommand, .rspCommand: .rspCommand
        case .rquAuth1, .rspAuth1: .rspAuth1
        case .rquAuth2, .rspAuth2: .rspAuth2
        }
    }
}
