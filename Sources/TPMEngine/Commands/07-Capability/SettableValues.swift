import TPMCrypto
import TPMWire

/// The tables of Part 2, 7.1.1, 7.2.1, 7.3.1, 7.4.1, 7.5.1 and 7.6.1: the rows with a "Y"; whatever has no row here
/// cannot be set.
extension SettableValue {
    /// The row of a subCap, nil for what cannot be set.
    static func row(_ area: SetCapabilityArea, _ subCap: UInt32) -> SettableValue? {
        switch area {
        case .permFlags: PermanentFlag(rawValue: subCap).flatMap { permanentFlags[$0] }
        case .permData: PermanentDataField(rawValue: subCap).flatMap { permanentData[$0] }
        case .stClearFlags: STClearFlag(rawValue: subCap).flatMap { stClearFlags[$0] }
        case .stClearData: STClearDataField(rawValue: subCap).flatMap { stClearData[$0] }
        case .stAnyFlags: STAnyFlag(rawValue: subCap).flatMap { stAnyFlags[$0] }
        // No member can be set, and this manufacturer adds nothing.
        case .stAnyData, .vendor: nil
        }
    }

    /// Part 2, 7.1.1.
    private static let permanentFlags: [PermanentFlag: SettableValue] = [
        .disable: .init(flag: \.permanent.flags.disable, [.ownerAuthorizationOrPhysicalPresence]),
        .ownership: .init(
            flag: \.permanent.flags.ownership, [.noOwner, .enabledAndActive, .physicalPresence, .noAuthorization]),
        .deactivated: .init(flag: \.permanent.flags.deactivated, [.enabled, .physicalPresence, .noAuthorization]),
        .readPubek: .init(flag: \.permanent.flags.readPubek, [.ownerAuthorization, .enabledAndActive]),
        .disableOwnerClear: .init(
            flag: \.permanent.flags.disableOwnerClear, [.ownerAuthorization, .enabledAndActive], only: true),
        .allowMaintenance: .init(
            flag: \.permanent.flags.allowMaintenance, [.ownerAuthorization, .enabledAndActive], only: false),
        .readSRKPub: .init(flag: \.permanent.flags.readSRKPub, [.ownerAuthorization, .enabledAndActive]),
        .tpmEstablished: .init(flag: \.permanent.flags.tpmEstablished, [.localityThreeOrFour], only: false),
        .disableFullDALogicInfo: .init(flag: \.permanent.flags.disableFullDALogicInfo, [.ownerAuthorization]),
    ]

    /// Part 2, 7.2.1.
    private static let stClearFlags: [STClearFlag: SettableValue] = [
        .disableForceClear: .init(flag: \.clear.flags.disableForceClear, [.enabledAndActive], only: true)
    ]

    /// Part 2, 7.3.1.
    private static let stAnyFlags: [STAnyFlag: SettableValue] = [
        .tosPresent: .init(flag: \.any.tosPresent, [.localityThreeOrFour, .enabledAndActive], only: false)
    ]

    /// Part 2, 7.4.1.
    private static let permanentData: [PermanentDataField: SettableValue] = [
        .restrictDelegate: .init([.ownerAuthorization, .enabledAndActive], size: 4) {
            value, execution throws(TPMResult) in
            var decoder = WireDecoder(value, short: .badParameter)
            var restriction = CMKDelegate()
            try decoder.value("setValue", &restriction)
            try decoder.finish()
            // A delegate does not take the restrictions away that hold for delegates (Part 2, 20.2.2).
            guard execution.authorization.delegation(at: .first) == nil else { throw .disabledCmd }
            execution.state.permanent.restrictDelegate = restriction
        },
        // It has no value: naming it makes new secrets. What was joined with the old ones is void: the blobs outside
        // do not load, nor do saved sessions, and a session that is open would mix the two.
        .daaProof: .init([.ownerAuthorization], size: 0) { _, execution throws(TPMResult) in
            execution.state.permanent.daa = try execution.newDAASecrets()
            execution.state.any.daaSessions.closeAll()
        },
    ]

    /// Part 2, 7.5.1 and 7.5.2.
    private static let stClearData: [STClearDataField: SettableValue] = [
        .deferredPhysicalPresence: .init([], size: 4) { value, execution throws(TPMResult) in
            var decoder = WireDecoder(value, short: .badParameter)
            var bits: UInt32 = 0
            try decoder.uint32("setValue", &bits)
            try decoder.finish()
            // 1. Without somebody there bits can only be taken away. 2.
            if bits & ~execution.state.clear.deferredPhysicalPresence != 0 { try execution.requirePhysicalPresence() }
            execution.state.clear.deferredPhysicalPresence = bits
        }
    ]
}
