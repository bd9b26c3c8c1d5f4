import TPMClient
import TPMCrypto
import TPMEngine
import TPMWire

extension Chapter {
    /// Part 3, 16.
    static var integrity: Chapter {
        Chapter(
            flows: [
                Flow("16-pcrs") { pair in
                    for locality in Locality.allCases {
                        try pair.at(locality) {
                            for index: UInt32 in (0..<25).map({ $0 }) + [0xffff_ffff] {
                                try pair.send(Extend.self, .init(pcrNum: index, inDigest: Digest(repeating: UInt8(7))))
                                try pair.send(PcrRead.self, .init(pcrIndex: index))
                                guard index < 25 else { continue }
                                try pair.send(PCRReset.self, .init(pcrSelection: PCRSelection(indices: [Int(index)])))
                                try pair.send(PcrRead.self, .init(pcrIndex: index))
                            }
                        }
                    }
                    for selection in [
                        PCRSelection(), PCRSelection(indices: [16, 23]), PCRSelection(indices: [0, 16]),
                        PCRSelection(sizeOfSelect: 2, bits: 1),
                    ] {
                        try pair.send(PCRReset.self, .init(pcrSelection: selection))
                    }
                },
                Flow("16-quote") { pair in
                    for usage in [KeyUsage.signing, .legacy, .bind, .storage] {
                        guard let key = try pair.makeKey(.template(usage, bits: usage == .storage ? 2048 : 1024)) else {
                            continue
                        }
                        for selection in selections {
                            try quote(pair, key, selection)
                            for addsVersion in [false, true] { try quote2(pair, key, selection, addsVersion) }
                        }
                    }
                },
            ],
            actions: [
                Action(8) { pair, world in
                    try pair.send(Extend.self, .init(pcrNum: UInt32(world.roll(25)), inDigest: world.digest()))
                },
                Action(8) { pair, world in try pair.send(PcrRead.self, .init(pcrIndex: UInt32(world.roll(25)))) },
                Action(3) { pair, world in
                    let selection = PCRSelection(indices: (0...world.roll(2)).map { _ in world.roll(24) })
                    try pair.at(Locality(rawValue: UInt8(world.roll(5))) ?? .zero) {
                        try pair.send(PCRReset.self, .init(pcrSelection: selection))
                    }
                },
                Action(3) { pair, world in
                    guard let key = world.pick(world.keys) else { return }
                    let selection = PCRSelection(indices: (0...world.roll(4)).map { _ in world.roll(24) })
                    if world.chance(oneIn: 2) {
                        try quote(pair, key, selection)
                    } else {
                        try quote2(pair, key, selection, world.chance(oneIn: 2))
                    }
                },
            ])
    }

    private static let selections = [
        PCRSelection(), PCRSelection(indices: [0]), PCRSelection(indices: 0..<24), PCRSelection(indices: [8, 23]),
        PCRSelection(sizeOfSelect: 2, bits: 0x8001), PCRSelection(sizeOfSelect: 1, bits: 1),
    ]

    private static func quote(_ pair: Pair, _ key: LoadedKey, _ selection: PCRSelection) throws {
        let isDamaged = pair.nextForm != nil
        let quoted = try pair.send(Quote.self, key.oiap) { side, _ in
            .init(keyHandle: key.handle[side], externalData: Digest(repeating: 4), targetPCR: selection)
        }
        guard let quoted, let publicKey = key.publicKey, !selection.isEmpty, !isDamaged else { return }
        pair.check("the signature of TPM_Quote verifies") { side in
            let info = QuoteInfo(
                digestValue: SHA1.hash(try quoted[side].pcrData.encoded()), externalData: Digest(repeating: 4))
            return publicKey[side].verify(SHA1.hash(try info.encoded()), signature: quoted[side].sig)
        }
    }

    private static func quote2(
        _ pair: Pair, _ key: LoadedKey, _ selection: PCRSelection, _ addsVersion: Bool
    ) throws {
        try pair.send(Quote2.self, key.oiap) { side, _ in
            .init(
                keyHandle: key.handle[side], externalData: Digest(repeating: 4), targetPCR: selection,
                addVersion: addsVersion)
        }
    }
}
