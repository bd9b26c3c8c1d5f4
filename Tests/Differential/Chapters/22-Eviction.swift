import TPMClient
import TPMCrypto
import TPMWire

extension Chapter {
    /// Part 3, 22.
    static var eviction: Chapter {
        Chapter(
            flows: [
                Flow("22-flush") { pair in
                    guard let key = try pair.makeKey(.template(.signing, bits: 1024)),
                        let session = try pair.open(.oiap(Pair.keyAuth))
                    else { return }
                    for type in ResourceType.allCases {
                        try pair.send(FlushSpecific.self, .init(handle: KeyHandle.srk.rawValue, resourceType: type))
                        try pair.send(FlushSpecific.self, .init(handle: 0x1234, resourceType: type))
                        if type != .auth {
                            try pair.send(FlushSpecific.self) { side, _ in
                                .init(handle: session[side].handle, resourceType: type)
                            }
                        }
                        if type != .key {
                            try pair.send(FlushSpecific.self) { side, _ in
                                .init(handle: key.handle[side].rawValue, resourceType: type)
                            }
                        }
                    }
                    try pair.send(FlushSpecific.self) { side, _ in
                        .init(handle: session[side].handle, resourceType: .auth)
                    }
                    try pair.flush(key.handle)
                    try pair.flush(key.handle)
                }
            ],
            actions: [
                Action(2) { pair, world in
                    guard !world.keys.isEmpty else { return }
                    let index = world.roll(world.keys.count)
                    pair.nextForm = nil
                    try pair.flush(world.keys.remove(at: index).handle)
                },
                Action { pair, world in
                    try pair.send(
                        FlushSpecific.self,
                        .init(handle: UInt32(world.roll(100)), resourceType: world.pick(ResourceType.allCases) ?? .key))
                },
            ])
    }
}
