import TPMClient
import TPMCrypto
import TPMWire

extension Chapter {
    /// Part 3, 26: the first stage of each, and what is out of order. A whole join wants an issuer, whose part the
    /// engine's own tests play.
    static var daa: Chapter {
        Chapter(flows: [
            Flow("26-daa") { pair in
                for stage: UInt8 in [0, 1, 24, 255] {
                    for data: [UInt8] in [[0, 0, 0, 1], [0, 0, 0, 2], [], [1]] {
                        let joined = try pair.send(
                            DAAJoin.self, .init(handle: 0, stage: stage, inputData0: data), Pair.ownerOIAP)
                        if let joined, let handle = try handles(joined) { try flush(pair, handle) }
                        try pair.send(
                            DAASign.self, .init(handle: 0, stage: stage, inputData0: data, inputData1: data),
                            Pair.ownerOIAP)
                    }
                }
                let joined = try pair.send(
                    DAAJoin.self, .init(handle: 0, stage: 0, inputData0: [0, 0, 0, 1]), Pair.ownerOIAP)
                guard let joined, let handle = try handles(joined) else { return }
                try pair.send(DAAJoin.self, Pair.ownerOIAP) { side, _ in
                    .init(handle: handle[side], stage: 1, inputData0: [1], inputData1: [2])
                }
                try pair.send(DAAJoin.self, Pair.ownerOIAP) { side, _ in .init(handle: handle[side], stage: 2) }
                try flush(pair, handle)
            }
        ])
    }

    private static func handles(_ joined: Both<DAAJoin.Response>) throws -> Both<UInt32>? {
        joined.compactMap { $0.outputData.count == 4 ? $0.outputData.reduce(0) { $0 << 8 | UInt32($1) } : nil }
    }

    private static func flush(_ pair: Pair, _ handle: Both<UInt32>) throws {
        try pair.send(FlushSpecific.self) { side, _ in .init(handle: handle[side], resourceType: .daaTPM) }
    }
}
