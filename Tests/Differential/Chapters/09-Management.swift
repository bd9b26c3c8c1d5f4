import TPMClient
import TPMCrypto
import TPMWire

extension Chapter {
    /// Part 3, 9: the redirection of 9.1 is optional, 9.3 is the lockout.
    static var management: Chapter {
        Chapter(
            flows: [
                Flow("9-reset-lock") { pair in
                    try pair.send(ResetLockValue.self, .init(), .oiap(Pair.wrongAuth))
                    pair.passTime()
                    try pair.powerCycle()
                    try pair.send(Startup.self, .init(.clear))
                    try pair.send(ResetLockValue.self, .init(), Pair.ownerOIAP)
                    try pair.send(ResetLockValue.self, .init(), Pair.ownerOSAP)
                }
            ],
            actions: [
                Action { pair, _ in try pair.send(ResetLockValue.self, .init(), Pair.ownerOIAP) }
            ])
    }
}
