import TPMClient
import TPMCrypto
import TPMEngine
import TPMWire

extension Chapter {
    /// Part 3, 6.
    static var ownership: Chapter {
        Chapter(
            flows: [
                Flow("6-take-ownership", from: .endorsed) { pair in
                    try pair.takeOwnership(.template(.signing))
                    try pair.takeOwnership(.template(.storage, flags: [.migratable]))
                    try pair.takeOwnership(.template(.storage, bits: 1024))
                    try pair.takeOwnership()
                    try pair.takeOwnership()
                    try pair.send(OwnerClear.self, .init(), .oiap(Pair.wrongAuth))
                    try pair.send(OwnerClear.self, .init(), Pair.ownerOIAP)
                    pair.owner = nil
                    try pair.flags()
                    try pair.send(PcrRead.self, .init(pcrIndex: 0))
                },
                Flow("6-ownership-without-ek", from: .new) { pair in
                    try pair.takeOwnership()
                },
                Flow("6-force-clear") { pair in
                    try pair.send(ForceClear.self, .init())
                    try pair.assertPresence()
                    try pair.send(DisableForceClear.self, .init())
                    try pair.send(ForceClear.self, .init())
                    try pair.powerCycle()
                    try pair.send(Startup.self, .init(.clear))
                    try pair.send(ForceClear.self, .init())
                    try pair.assertPresence()
                    try pair.send(ForceClear.self, .init())
                    pair.owner = nil
                    try pair.flags()
                },
                Flow("6-disable-owner-clear") { pair in
                    try pair.send(DisableOwnerClear.self, .init(), Pair.ownerOIAP)
                    try pair.send(OwnerClear.self, .init(), Pair.ownerOIAP)
                    try pair.flags()
                },
                Flow("6-presence", from: .new) { pair in
                    for bits: UInt16 in [
                        0x0008, 0x0010, 0x0020, 0x0008, 0x0010, 0x0004, 0x0080, 0x0100, 0x0200, 0x0018, 0x0040,
                    ] {
                        try pair.send(
                            TSCPhysicalPresence.self, .init(physicalPresence: PhysicalPresence(rawValue: bits)))
                        try pair.flags()
                    }
                    for bits: UInt16 in [0x0020, 0x0100, 0x0008] {
                        try pair.send(
                            TSCPhysicalPresence.self, .init(physicalPresence: PhysicalPresence(rawValue: bits)))
                    }
                },
                Flow("6-establishment") { pair in
                    for locality in Locality.allCases {
                        try pair.at(locality) { try pair.send(TSCResetEstablishmentBit.self, .init()) }
                    }
                    try pair.flags()
                },
            ],
            actions: [
                Action { pair, world in
                    let bits: UInt16 = [0x0020, 0x0008, 0x0010, 0x0004][world.roll(4)]
                    try pair.send(TSCPhysicalPresence.self, .init(physicalPresence: PhysicalPresence(rawValue: bits)))
                },
                Action { pair, world in
                    try pair.at(Locality(rawValue: UInt8(world.roll(5))) ?? .zero) {
                        try pair.send(TSCResetEstablishmentBit.self, .init())
                    }
                },
            ])
    }
}
