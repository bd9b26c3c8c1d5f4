import TPMClient
import TPMCrypto
import TPMWire

extension Chapter {
    /// Part 3, 24.
    static var transport: Chapter {
        Chapter(
            flows: [
                Flow("24-establish") { pair in
                    for attributes: TransportAttributes in [[], [.log], [.exclusive], [.encrypt]] {
                        for algorithm: UInt32 in [0, 6, 7, 10] {
                            for scheme: UInt16 in [0, 1, 4, 5] {
                                try establish(pair, attributes, algorithm, scheme)
                            }
                        }
                    }
                },
                Flow("24-execute", execute),
            ],
            actions: [
                Action { pair, world in
                    try establish(
                        pair, world.pick([[], [.log], [.encrypt]]) ?? [], UInt32(world.roll(12)), UInt16(world.roll(6)))
                },
                Action(2) { pair, world in
                    try pair.call(.executeTransport) { _, client in
                        let session = try client.openTransport(log: true)
                        defer { try? client.close(session) }
                        let inner = client.through(session)
                        _ = try inner.execute(PcrRead.self, .init(pcrIndex: 3))
                        return try inner.execute(GetCapabilityOwner.self, .init(), authorizedBy: Pair.ownerAuth)
                    }
                },
            ])
    }

    private static func establish(
        _ pair: Pair, _ attributes: TransportAttributes, _ algorithm: UInt32, _ scheme: UInt16
    ) throws {
        let made = try pair.send(
            EstablishTransport.self,
            .init(
                encHandle: .transport,
                transPublic: TransportPublic(transAttributes: attributes, algId: algorithm, encScheme: scheme),
                secret: Pair.dataAuth))
        guard let made else { return }
        try pair.send(FlushSpecific.self) { side, _ in .init(handle: made[side].transHandle, resourceType: .trans) }
    }

    private static func execute(_ pair: Pair) throws {
        guard let key = try pair.makeKey(.template(.legacy, bits: 2048)), let publicKey = key.publicKey,
            let signer = try pair.makeKey(.template(.signing, bits: 1024))
        else { return }
        let encryptions: [TransportEncryption?] = [nil] + TransportEncryption.allCases.map { $0 }
        for encryption in encryptions {
            for logs in [false, true] {
                for exclusive in [false, true] {
                    let sessions = try pair.call(.establishTransport) { side, client in
                        try client.openTransport(
                            encryption: encryption, log: logs, exclusive: exclusive,
                            key: encryption == nil
                                ? nil
                                : TransportKey(key.handle[side], publicKey: publicKey[side], auth: key.auth))
                    }
                    guard let sessions else { continue }
                    try pair.call(.pcrRead) { side, client in
                        try client.through(sessions[side]).execute(PcrRead.self, .init(pcrIndex: 2))
                    }
                    try pair.call(.pcrRead) { side, client in
                        try client.through(sessions[side]).execute(PcrRead.self, .init(pcrIndex: 99))
                    }
                    try pair.call(.seal) { side, client in
                        try client.through(sessions[side]).seal(
                            Secret([1, 2]), keyAuth: Pair.srkAuth, dataAuth: Pair.dataAuth)
                    }
                    try pair.call(.startup) { side, client in
                        try client.through(sessions[side]).execute(Startup.self, .init(.clear))
                    }
                    // Outside of an exclusive session.
                    try pair.send(PcrRead.self, .init(pcrIndex: 1))
                    try pair.call(.getRandom) { side, client in
                        try client.through(sessions[side]).execute(GetRandom.self, .init(bytesRequested: 4))
                    }
                    try pair.call(.releaseTransportSigned) { side, client in
                        try client.release(
                            sessions[side], nonce: .zero, with: signer.handle[side], auth: signer.auth)
                    }
                    try pair.send(FlushSpecific.self) { side, _ in
                        .init(handle: sessions[side].handle, resourceType: .trans)
                    }
                }
            }
        }
    }
}
