import TPMClient
import TPMCrypto
import TPMWire

extension Chapter {
    /// Part 3, 13.
    static var cryptographic: Chapter {
        Chapter(
            flows: [
                Flow("13-sha1") { pair in
                    try pair.send(SHA1Update.self, .init(hashData: [UInt8](repeating: 1, count: 64)))
                    try pair.send(SHA1Complete.self, .init(hashData: [1]))
                    try pair.send(SHA1CompleteExtend.self, .init(pcrNum: 10, hashData: [1]))
                    for size in [0, 1, 64, 65, 63] {
                        try pair.send(SHA1Start.self, .init())
                        for count in [64, 128, 0, 63, 1024] {
                            try pair.send(
                                SHA1Update.self, .init(hashData: [UInt8](repeating: UInt8(size), count: count)))
                        }
                        try pair.send(SHA1Complete.self, .init(hashData: [UInt8](repeating: 2, count: size)))
                    }
                    for pcr: UInt32 in [0, 16, 23, 24, 17] {
                        try pair.send(SHA1Start.self, .init())
                        try pair.send(SHA1Update.self, .init(hashData: [UInt8](repeating: 3, count: 192)))
                        try pair.send(SHA1CompleteExtend.self, .init(pcrNum: pcr, hashData: [1, 2, 3]))
                        try pair.send(PcrRead.self, .init(pcrIndex: pcr))
                    }
                    try pair.send(SHA1Start.self, .init())
                    try pair.send(PcrRead.self, .init(pcrIndex: 0))
                    try pair.send(SHA1Update.self, .init(hashData: [UInt8](repeating: 1, count: 64)))
                },
                Flow("13-sign") { pair in
                    for scheme in SigScheme.allCases where scheme != .none {
                        for usage in [KeyUsage.signing, .legacy, .bind] {
                            guard let key = try pair.makeKey(.template(usage, bits: 1024, signing: scheme)) else {
                                continue
                            }
                            for size in [0, 1, 19, 20, 21, 35, 93, 117, 118, 128, 129] {
                                let area = [UInt8](repeating: 5, count: size)
                                let signed = try pair.send(Sign.self, key.oiap) { side, _ in
                                    .init(keyHandle: key.handle[side], areaToSign: area)
                                }
                                guard let signed, scheme == .rsassaPKCS1v15SHA1, let digest = Digest(area) else {
                                    continue
                                }
                                pair.check("the signature of TPM_Sign verifies") { side in
                                    key.publicKey?[side].verify(digest, signature: signed[side].sig) ?? false
                                }
                            }
                            try pair.flush(key.handle)
                        }
                    }
                    try pair.send(Sign.self, .init(keyHandle: .srk, areaToSign: Digest().bytes), Pair.srkOIAP)
                },
                Flow("13-random") { pair in
                    for count: UInt32 in [0, 1, 20, 256, 2048, 4000] {
                        try pair.send(GetRandom.self, .init(bytesRequested: count))
                    }
                    for count in [0, 1, 255, 256] {
                        try pair.send(StirRandom.self, .init(inData: [UInt8](repeating: 1, count: count)))
                    }
                },
                Flow("13-certify", certify),
            ],
            actions: [
                Action(6) { pair, world in
                    try pair.send(SHA1Start.self, .init())
                    for _ in 0..<world.roll(3) {
                        try pair.send(SHA1Update.self, .init(hashData: world.bytes(64 * world.roll(4))))
                    }
                    if world.chance(oneIn: 4) { try pair.send(PcrRead.self, .init(pcrIndex: 1)) }
                    if world.chance(oneIn: 2) {
                        try pair.send(SHA1Complete.self, .init(hashData: world.bytes(world.roll(66))))
                    } else {
                        try pair.send(
                            SHA1CompleteExtend.self,
                            .init(pcrNum: UInt32(world.roll(25)), hashData: world.bytes(world.roll(66))))
                    }
                },
                Action(3) { pair, world in
                    try pair.send(GetRandom.self, .init(bytesRequested: UInt32(world.roll(100))))
                },
                Action(2) { pair, world in try pair.send(StirRandom.self, .init(inData: world.bytes(world.roll(258))))
                },
                Action(4) { pair, world in
                    guard let key = world.pick(world.keys) else { return }
                    let area = world.bytes(world.pick([20, 20, 20, 0, 35]) ?? 20)
                    try pair.send(Sign.self, key.oiap) { side, _ in .init(keyHandle: key.handle[side], areaToSign: area)
                    }
                },
                Action(2) { pair, world in
                    guard let key = world.pick(world.keys), let other = world.pick(world.keys) else { return }
                    try pair.send(CertifyKey.self, key.oiap, other.oiap) { side, _ in
                        .init(certHandle: key.handle[side], keyHandle: other.handle[side], antiReplay: .zero)
                    }
                },
            ])
    }

    private static func certify(_ pair: Pair) throws {
        let digest = try pair.composite([16]) ?? .zero
        var long = PCRInfoLong.nothing
        long.releasePCRSelection = PCRSelection(indices: [16])
        long.digestAtRelease = digest
        let templates: [Key] = [
            .template(.signing, bits: 1024), .template(.legacy, bits: 1024), .template(.bind, bits: 512),
            .template(.storage), .template(.signing, bits: 512, boundTo: long),
            .template(.signing, bits: 512, authDataUsage: .never),
            .template(.signing, bits: 512, flags: [.migratable]),
        ]
        var keys: [LoadedKey] = []
        for template in templates {
            guard let key = try pair.makeKey(template) else { return }
            keys.append(key)
        }
        for signer in keys.prefix(4) {
            for key in keys {
                let certified = try pair.send(CertifyKey.self, signer.oiap, key.oiap) { side, _ in
                    .init(certHandle: signer.handle[side], keyHandle: key.handle[side], antiReplay: .zero)
                }
                if let certified, let publicKey = signer.publicKey {
                    pair.check("the signature of TPM_CertifyKey verifies") { side in
                        let digest = SHA1.hash(try certified[side].certifyInfo.encoded())
                        return publicKey[side].verify(digest, signature: certified[side].outData)
                    }
                }
                try pair.send(CertifyKey2.self, key.oiap, signer.oiap) { side, _ in
                    .init(
                        keyHandle: key.handle[side], certHandle: signer.handle[side], migrationPubDigest: .zero,
                        antiReplay: .zero)
                }
            }
            guard let open = keys.first(where: { $0.blob.vtpm.authDataUsage == .never }) else { continue }
            try pair.send(CertifyKey.self, signer.oiap) { side, _ in
                .init(certHandle: signer.handle[side], keyHandle: open.handle[side], antiReplay: .zero)
            }
            try pair.send(CertifyKey2.self, signer.oiap) { side, _ in
                .init(
                    keyHandle: open.handle[side], certHandle: signer.handle[side], migrationPubDigest: .zero,
                    antiReplay: .zero)
            }
        }
        try pair.send(CertifyKey.self, keys[0].oiap, Pair.srkOIAP) { side, _ in
            .init(certHandle: keys[0].handle[side], keyHandle: .srk, antiReplay: .zero)
        }
        try pair.send(CertifyKey2.self, Pair.srkOIAP, keys[0].oiap) { side, _ in
            .init(
                keyHandle: .srk, certHandle: keys[0].handle[side], migrationPubDigest: .zero, antiReplay: .zero)
        }
    }
}
