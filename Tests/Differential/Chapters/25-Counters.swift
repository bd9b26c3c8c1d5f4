import TPMClient
import TPMCrypto
import TPMWire

extension Chapter {
    /// Part 3, 25.
    static var counters: Chapter {
        Chapter(
            flows: [
                Flow("25-counters") { pair in
                    var counters: [Both<UInt32>] = []
                    for number in 0..<5 {
                        guard let counter = try create(pair, UInt8(number)) else { continue }
                        counters.append(counter)
                    }
                    for _ in 0..<3 {
                        for counter in counters {
                            try pair.send(ReadCounter.self) { side, _ in .init(countID: counter[side]) }
                            try pair.send(IncrementCounter.self, .oiap(Pair.dataAuth)) { side, _ in
                                .init(countID: counter[side])
                            }
                        }
                        try pair.powerCycle()
                        try pair.send(Startup.self, .init(.clear))
                    }
                    guard let first = counters.first, let last = counters.last else { return }
                    try pair.send(IncrementCounter.self, .osap(.counter, first, Pair.dataAuth)) { side, _ in
                        .init(countID: first[side])
                    }
                    try pair.send(ReleaseCounter.self, .oiap(Pair.dataAuth)) { side, _ in .init(countID: first[side]) }
                    try pair.send(ReleaseCounterOwner.self, Pair.ownerOIAP) { side, _ in .init(countID: last[side]) }
                    for counter in counters {
                        try pair.send(ReadCounter.self) { side, _ in .init(countID: counter[side]) }
                    }
                    try pair.send(ReadCounter.self, .init(countID: 0xffff))
                    _ = try create(pair, 9)
                }
            ],
            actions: [
                Action { pair, world in
                    let counters = world.things["counters"] as? [Both<UInt32>] ?? []
                    if counters.count < 3, let counter = try create(pair, 1) {
                        world.things["counters"] = counters + [counter]
                    }
                },
                Action(2) { pair, world in
                    guard let counter = world.pick(world.things["counters"] as? [Both<UInt32>] ?? []) else { return }
                    if world.chance(oneIn: 2) {
                        try pair.send(ReadCounter.self) { side, _ in .init(countID: counter[side]) }
                    } else {
                        try pair.send(IncrementCounter.self, .oiap(Pair.dataAuth)) { side, _ in
                            .init(countID: counter[side])
                        }
                    }
                },
            ])
    }

    private static func create(_ pair: Pair, _ label: UInt8) throws -> Both<UInt32>? {
        try pair.send(CreateCounter.self, Pair.ownerOSAP) { _, sessions in
            .init(encAuth: try sessions[0].hide(Pair.dataAuth), label: [label, 2, 3, 4])
        }?.map(\.countID)
    }
}
