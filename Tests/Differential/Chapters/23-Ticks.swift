import TPMClient
import TPMCrypto
import TPMWire

extension Chapter {
    /// Part 3, 23.
    static var ticks: Chapter {
        Chapter(
            flows: [
                Flow("23-ticks") { pair in
                    try pair.send(GetTicks.self, .init())
                    for usage in [KeyUsage.signing, .legacy, .bind] {
                        guard let key = try pair.makeKey(.template(usage, bits: 1024)) else { return }
                        try pair.send(TickStampBlob.self, key.oiap) { side, _ in
                            .init(keyHandle: key.handle[side], antiReplay: .zero, digestToStamp: Digest(repeating: 8))
                        }
                    }
                }
            ],
            actions: [
                Action { pair, _ in try pair.send(GetTicks.self, .init()) },
                Action { pair, world in
                    guard let key = world.pick(world.keys) else { return }
                    try pair.send(TickStampBlob.self, key.oiap) { side, _ in
                        .init(keyHandle: key.handle[side], antiReplay: .zero, digestToStamp: world.digest())
                    }
                },
            ])
    }
}
