import TPMClient
import TPMCrypto
import TPMEngine
import TPMWire

extension Chapter {
    /// Part 3, 3.
    static var startup: Chapter {
        Chapter(
            flows: [
                Flow("3-startup") { pair in
                    try pair.powerCycle()
                    try pair.send(PcrRead.self, .init(pcrIndex: 0))
                    try pair.send(Startup.self, .init(.state))
                    try pair.powerCycle()
                    try pair.send(Startup.self, .init(.clear))
                    try pair.send(Startup.self, .init(.clear))
                },
                Flow("3-saved-state") { pair in
                    try pair.send(Extend.self, .init(pcrNum: 3, inDigest: Digest(repeating: 1)))
                    try pair.send(Extend.self, .init(pcrNum: 16, inDigest: Digest(repeating: 2)))
                    try pair.send(SaveState.self, .init())
                    try pair.powerCycle()
                    try pair.send(Startup.self, .init(.state))
                    for index in [0, 3, 16, 17, 23] { try pair.send(PcrRead.self, .init(pcrIndex: UInt32(index))) }
                    // What was saved serves once.
                    try pair.powerCycle()
                    try pair.send(Startup.self, .init(.state))
                },
                Flow("3-saved-state-with-keys") { pair in
                    guard let key = try pair.makeKey(.template(.signing, bits: 1024)) else { return }
                    try pair.send(SaveState.self, .init())
                    try pair.powerCycle()
                    try pair.send(Startup.self, .init(.state))
                    try pair.send(Sign.self, .oiap(key.auth)) { side, _ in
                        .init(keyHandle: key.handle[side], areaToSign: Digest(repeating: 1).bytes)
                    }
                    try pair.send(Extend.self, .init(pcrNum: 3, inDigest: Digest(repeating: 1)))
                    try pair.send(SaveState.self, .init())
                    // A change after saving makes what was saved stale.
                    try pair.send(Extend.self, .init(pcrNum: 3, inDigest: Digest(repeating: 1)))
                    try pair.powerCycle()
                    try pair.send(Startup.self, .init(.state))
                },
                Flow("3-deactivated") { pair in
                    try pair.powerCycle()
                    try pair.send(Startup.self, .init(.deactivated))
                    try pair.send(PcrRead.self, .init(pcrIndex: 0))
                    try pair.send(Extend.self, .init(pcrNum: 0, inDigest: Digest(repeating: 1)))
                },
            ],
            actions: [
                Action { pair, _ in try pair.send(SaveState.self, .init()) }
            ])
    }
}
