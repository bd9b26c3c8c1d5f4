import TPMClient
import TPMCrypto
import TPMWire

extension Chapter {
    /// Part 3, 5.
    static var optIn: Chapter {
        Chapter(
            flows: [
                Flow("5-opt-in", from: .endorsed) { pair in
                    try pair.send(SetOwnerInstall.self, .init(state: false))
                    try pair.send(PhysicalDisable.self, .init())
                    try pair.assertPresence()
                    try pair.send(SetOwnerInstall.self, .init(state: false))
                    try pair.takeOwnership()
                    try pair.send(SetOwnerInstall.self, .init(state: true))
                    try pair.send(PhysicalDisable.self, .init())
                    try pair.takeOwnership()
                    try pair.send(PhysicalEnable.self, .init())
                    try pair.send(PhysicalSetDeactivated.self, .init(state: true))
                    try pair.flags()
                    try pair.send(PhysicalSetDeactivated.self, .init(state: false))
                    try pair.send(SetOperatorAuth.self, .init(operatorAuth: Pair.dataAuth))
                    try pair.send(SetTempDeactivated.self, .init(), .oiap(Pair.dataAuth))
                    try pair.flags()
                },
                Flow("5-temporarily-deactivated") { pair in
                    try pair.send(SetTempDeactivated.self, .init())
                    try pair.send(SetOwnerInstall.self, .init(state: true))
                    try pair.assertPresence()
                    try pair.send(SetTempDeactivated.self, .init())
                    try pair.send(PcrRead.self, .init(pcrIndex: 0))
                    try pair.send(Extend.self, .init(pcrNum: 0, inDigest: Digest(repeating: 1)))
                    try pair.powerCycle()
                    try pair.send(Startup.self, .init(.clear))
                    try pair.send(PcrRead.self, .init(pcrIndex: 0))
                },
                Flow("5-operator-not-set") { pair in
                    try pair.send(SetTempDeactivated.self, .init(), .oiap(Pair.dataAuth))
                    try pair.send(SetOperatorAuth.self, .init(operatorAuth: Pair.dataAuth))
                },
                Flow("5-owner-set-disable") { pair in
                    try pair.send(OwnerSetDisable.self, .init(disableState: true), Pair.ownerOIAP)
                    try pair.send(PcrRead.self, .init(pcrIndex: 0))
                    try pair.send(Extend.self, .init(pcrNum: 0, inDigest: Digest(repeating: 1)))
                    try pair.flags()
                    try pair.send(OwnerSetDisable.self, .init(disableState: false), Pair.ownerOIAP)
                    try pair.send(PcrRead.self, .init(pcrIndex: 0))
                    try pair.send(OwnerSetDisable.self, .init(disableState: false), Pair.ownerOSAP)
                },
            ],
            actions: [
                Action { pair, _ in
                    try pair.send(OwnerSetDisable.self, .init(disableState: true), Pair.ownerOIAP)
                    try pair.send(GetRandom.self, .init(bytesRequested: 8))
                    try pair.send(OwnerSetDisable.self, .init(disableState: false), Pair.ownerOIAP)
                },
                Action { pair, world in
                    try pair.send(SetOwnerInstall.self, .init(state: world.chance(oneIn: 2)))
                    try pair.send(PhysicalEnable.self, .init())
                    try pair.send(SetOperatorAuth.self, .init(operatorAuth: Pair.dataAuth))
                },
            ])
    }
}

extension Pair {
    /// Compares the flags that TPM_GetCapability tells.
    func flags() throws {
        for flags in CapabilityFlags.allCases {
            try send(
                GetCapability.self, .init(capArea: CapabilityArea.flag.rawValue, subCap: flags.rawValue.bigEndianBytes))
        }
    }
}
