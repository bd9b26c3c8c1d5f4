import TPMClient
import TPMCrypto
import TPMWire

extension Chapter {
    /// Part 3, 8.
    static var auditing: Chapter {
        Chapter(
            flows: [
                Flow("8-audit") { pair in
                    try digest(pair)
                    for ordinal: Ordinal in [
                        .extend, .getRandom, .ownerClear, .setOrdinalAuditStatus, .getAuditDigest, Ordinal(rawValue: 1),
                        .quote,
                    ] {
                        try pair.send(
                            SetOrdinalAuditStatus.self, .init(ordinalToAudit: ordinal.rawValue, auditState: true),
                            Pair.ownerOIAP)
                    }
                    try digest(pair)
                    try pair.send(Extend.self, .init(pcrNum: 1, inDigest: Digest(repeating: 1)))
                    try digest(pair)
                    try pair.send(GetRandom.self, .init(bytesRequested: 0))
                    guard let key = try pair.makeKey(.template(.signing, bits: 1024)) else { return }
                    for closes in [false, true, false] {
                        try pair.send(GetAuditDigestSigned.self, key.oiap) { side, _ in
                            .init(keyHandle: key.handle[side], closeAudit: closes, antiReplay: .zero)
                        }
                        try digest(pair)
                    }
                    try pair.send(
                        SetOrdinalAuditStatus.self, .init(ordinalToAudit: Ordinal.extend.rawValue, auditState: false),
                        Pair.ownerOIAP)
                    try digest(pair)
                }
            ],
            actions: [
                Action { pair, _ in try digest(pair) },
                Action { pair, world in
                    try pair.send(
                        SetOrdinalAuditStatus.self,
                        .init(ordinalToAudit: UInt32(world.roll(0x100)), auditState: world.chance(oneIn: 2)),
                        Pair.ownerOIAP)
                },
            ])
    }

    private static func digest(_ pair: Pair) throws {
        for start: UInt32 in [0, 0x20, 0xffff] { try pair.send(GetAuditDigest.self, .init(startOrdinal: start)) }
    }
}
