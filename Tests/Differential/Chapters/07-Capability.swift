import TPMClient
import TPMCrypto
import TPMWire

extension Chapter {
    /// Part 3, 7.
    static var capability: Chapter {
        Chapter(
            flows: [
                Flow("7-get-capability") { pair in
                    for area in CapabilityArea.allCases.map(\.rawValue) + [0, 0x0a, 0x0b, 0x16, 0x1b, 0xffff_ffff] {
                        for subCap in Self.subCaps(of: area) {
                            try pair.send(GetCapability.self, .init(capArea: area, subCap: subCap))
                        }
                    }
                    try pair.send(GetCapabilityOwner.self, .init(), Pair.ownerOIAP)
                },
                Flow("7-set-capability-bool") { pair in
                    try pair.send(
                        SetCapability.self, .init(capArea: 1, subCap: UInt32(17).bigEndianBytes, setValue: [2]),
                        Pair.ownerOIAP)
                },
                Flow("7-set-capability") { pair in
                    for area in SetCapabilityArea.allCases.map(\.rawValue) + [0, 8] {
                        for subCap: UInt32 in 0..<24 {
                            for value: [UInt8] in [[0], [1], [0, 0, 0, 0], []] {
                                let request = SetCapability.Request(
                                    capArea: area, subCap: subCap.bigEndianBytes, setValue: value)
                                // What would end the flow: disable, deactivated, disableOwnerClear and their like.
                                guard !(area == 1 && value == [1] && [1, 3, 6, 7, 8].contains(subCap)) else { continue }
                                try pair.send(SetCapability.self, request)
                                try pair.send(SetCapability.self, request, Pair.ownerOIAP)
                            }
                        }
                    }
                    try pair.flags()
                },
            ],
            actions: [
                Action(3) { pair, world in
                    guard let area = world.pick(CapabilityArea.allCases),
                        let subCap = world.pick(Self.subCaps(of: area.rawValue))
                    else { return }
                    try pair.send(GetCapability.self, .init(capArea: area.rawValue, subCap: subCap))
                },
                Action { pair, _ in try pair.send(GetCapabilityOwner.self, .init(), Pair.ownerOIAP) },
                Action { pair, world in try pair.flags() },
            ])
    }

    /// What an area may be asked, right and wrong.
    private static func subCaps(of area: UInt32) -> [[UInt8]] {
        let wrong: [[UInt8]] = [[], [1], [0, 0, 0, 0, 0]]
        switch CapabilityArea(rawValue: area) {
        case .ord:
            // Those that are not built yet are no difference.
            let built = (UInt32(0)..<0x100).filter { number in
                let ordinal = Ordinal(rawValue: number)
                return OrdinalTable.row(for: ordinal) == nil || CommandTable.command(for: ordinal) != nil
            }
            return (built + [0x4000_000a, 0x4000_000b, 0xffff_ffff]).map(\.bigEndianBytes) + wrong
        case .alg, .symMode, .transAlg, .authEncrypt:
            return (0..<12).map { UInt32($0).bigEndianBytes } + wrong
        case .pid, .transES: return (0..<10).map { [0, UInt8($0)] } + wrong
        case .flag: return [0x107, 0x108, 0x109, 0x10a].map { UInt32($0).bigEndianBytes } + wrong
        case .property: return (0x100..<0x128).map { UInt32($0).bigEndianBytes } + wrong
        case .keyHandle, .version, .versionVal, .mfr, .nvList: return [[]] + wrong
        case .checkLoaded:
            return [512, 1024, 2048].compactMap { try? Key.template(.signing, bits: $0).algorithmParms.encoded() }
                + wrong
        case .keyStatus: return [KeyHandle.srk, .ek].map { $0.rawValue.bigEndianBytes } + wrong
        case .nvIndex: return [UInt32(0), 0x1000_0001, 0xffff_ffff].map(\.bigEndianBytes) + wrong
        case .handle: return (0..<12).map { UInt32($0).bigEndianBytes } + wrong
        case .selectSize:
            return [[1, 1, 0, 1], [1, 2, 0, 3], [1, 2, 0, 4], [1, 2, 0, 0], [1, 3, 0, 3], [2, 1, 0, 3]] + wrong
        case .daLogic: return [1, 2, 3, 4, 5, 6, 10, 11].map { [0, $0] } + wrong
        case nil: return [[], [0, 0, 0, 1]]
        }
    }
}
