/// TPM_DA_STATE, 1 byte: whether the defence against dictionary attacks is locking (Part 2, 21.9).
public enum DAState: UInt8, Sendable, CaseIterable {
    case inactive = 0
    case active = 1
}

/// The bits of TPM_DA_ACTION_TYPE, 4 bytes (Part 2, 21.10).
public struct DAActions: WireFlags, Hashable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Locked for ``DAInfo/actionDependValue`` seconds.
    public static let timeout = DAActions(rawValue: 1 << 0)
    public static let disable = DAActions(rawValue: 1 << 1)
    public static let deactivate = DAActions(rawValue: 1 << 2)
    public static let failureMode = DAActions(rawValue: 1 << 3)
    public static let names: KeyValuePairs<String, DAActions> = [
        "timeout": .timeout, "disable": .disable, "deactivate": .deactivate, "failureMode": .failureMode,
    ]
}

/// TPM_DA_ACTION_TYPE, 6 bytes (Part 2, 21.10).
///
/// Another tag is TPM_INVALID_STRUCTURE, an undefined bit TPM_BAD_PARAMETER.
public struct DAActionType: WireStructure, Equatable {
    public var actions = DAActions()

    public init() {}

    public init(actions: DAActions) { self.actions = actions }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.daActionType)
        try coder.value("actions", &actions)
    }
}

/// TPM_DA_INFO, 21 + n bytes: the answer of TPM_CAP_DA_LOGIC (Part 2, 21.7).
///
/// Another tag is TPM_INVALID_STRUCTURE, an unknown state TPM_BAD_PARAMETER.
public struct DAInfo: WireStructure, Equatable {
    public var state = DAState.inactive
    /// Failed authorizations so far.
    public var currentCount: UInt16 = 0
    /// Failed authorizations that start the action.
    public var thresholdCount: UInt16 = 0
    public var actionAtThreshold = DAActionType()
    /// With ``DAActions/timeout``, the seconds that the lock still lasts.
    public var actionDependValue: UInt32 = 0
    public var vendorData: [UInt8] = []

    public init() {}

    public init(
        state: DAState, currentCount: UInt16, thresholdCount: UInt16, actionAtThreshold: DAActionType,
        actionDependValue: UInt32, vendorData: [UInt8] = []
    ) {
        self.state = state
        self.currentCount = currentCount
        self.thresholdCount = thresholdCount
        self.actionAtThreshold = actionAtThreshold
        self.actionDependValue = actionDependValue
        self.vendorData = vendorData
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.daInfo)
        try coder.value("state", &state)
        try coder.uint16("currentCount", &currentCount)
        try coder.uint16("thresholdCount", &thresholdCount)
        try coder.structure("actionAtThreshold", &actionAtThreshold)
        try coder.uint32("actionDependValue", &actionDependValue)
        try coder.sized("vendorData", .u32("vendorDataSize"), &vendorData)
    }
}

/// TPM_DA_INFO_LIMITED, 13 + n bytes: the answer of TPM_CAP_DA_LOGIC that does not help an attacker (Part 2, 21.8).
///
/// Another tag is TPM_INVALID_STRUCTURE, an unknown state TPM_BAD_PARAMETER.
public struct DAInfoLimited: WireStructure, Equatable {
    public var state = DAState.inactive
    public var actionAtThreshold = DAActionType()
    public var vendorData: [UInt8] = []

    public init() {}

    public init(state: DAState, actionAtThreshold: DAActionType, vendorData: [UInt8] = []) {
        self.state = state
        self.actionAtThreshold = actionAtThreshold
        self.vendorData = vendorData
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.daInfoLimited)
        try coder.value("state", &state)
        try coder.structure("actionAtThreshold", &actionAtThreshold)
        try coder.sized("vendorData", .u32("vendorDataSize"), &vendorData)
    }
}
