import TPMClient
import TPMCrypto
import TPMEngine
import TPMWire

extension Chapter {
    /// Part 3, 10.
    static var storage: Chapter {
        Chapter(
            flows: [
                Flow("10-seal") { pair in
                    guard let sealed = try pair.seal([1, 2, 3]) else { return }
                    try pair.unseal(sealed)
                    try pair.unseal(sealed, Pair.srkOSAP)
                    try pair.unseal(sealed, dataAuth: Pair.wrongAuth)
                    for size in [0, 1, 149, 150, 151, 300] { try pair.seal([UInt8](repeating: 7, count: size)) }
                    guard let storage = try pair.makeKey(.template(.storage)),
                        let signing = try pair.makeKey(.template(.signing, bits: 1024)),
                        let migratable = try pair.makeKey(.template(.storage, flags: [.migratable]))
                    else { return }
                    for key in [storage, signing, migratable] {
                        guard let other = try pair.seal([4, 5], with: key.handle, .osapKey(key.handle, key.auth)) else {
                            continue
                        }
                        try pair.unseal(other, with: key.handle, key.oiap)
                        try pair.unseal(other)
                    }
                    try pair.unseal(sealed, with: storage.handle, storage.oiap)
                },
                Flow("10-seal-to-pcrs", sealToPCRs),
                Flow("10-sealx") { pair in
                    for scheme in ADIPScheme.allCases {
                        let sealed = try pair.send(Sealx.self, .osapKey(Pair.srk, Pair.srkAuth, scheme: scheme)) {
                            side, sessions in
                            let (even, odd) = (sessions[0].nonceEven, sessions[0].nonceOdd)
                            let hidden = try sessions[0].mask(data: Secret([1, 2, 3]), nonceEven: even, nonceOdd: odd)
                            return .init(
                                keyHandle: .srk, encAuth: try sessions[0].hide(Pair.dataAuth),
                                pcrInfo: try PCRInfoLong.nothing.encoded(), inData: hidden)
                        }
                        _ = try sealed.map { try pair.unseal($0.map(\.sealedData)) }
                        let pcrInfo = Both(try PCRInfo(PCRInfoLong.nothing).encoded())
                        try pair.send(Sealx.self, .osapKey(Pair.srk, Pair.srkAuth, scheme: scheme)) { side, sessions in
                            .init(
                                keyHandle: .srk, encAuth: try sessions[0].hide(Pair.dataAuth), pcrInfo: pcrInfo[side],
                                inData: Secret([1]))
                        }
                        try pair.seal([9], .osapKey(Pair.srk, Pair.srkAuth, scheme: scheme))
                    }
                },
                Flow("10-keys", keys),
                Flow("10-unbind", unbind),
                Flow("10-loading", loading),
            ],
            actions: [
                Action(3) { pair, world in
                    guard world.keys.count < 4 else { return }
                    let usage = world.pick([KeyUsage.signing, .storage, .bind, .legacy]) ?? .signing
                    let bits: UInt32 = usage == .storage ? 2048 : 512
                    if usage == .storage, !world.chance(oneIn: 6) { return }
                    guard let key = try pair.makeKey(.template(usage, bits: bits)) else { return }
                    world.keys.append(key)
                },
                Action(3) { pair, world in
                    guard let blob = try pair.seal(world.bytes(world.roll(160))) else { return }
                    world.sealed.append(blob)
                },
                Action(4) { pair, world in
                    guard let blob = world.pick(world.sealed) else { return }
                    try pair.unseal(blob, dataAuth: world.chance(oneIn: 8) ? Pair.wrongAuth : Pair.dataAuth)
                },
                Action(3) { pair, world in
                    guard let key = world.pick(world.keys) else { return }
                    try pair.send(GetPubKey.self, key.oiap) { side, _ in .init(keyHandle: key.handle[side]) }
                },
                Action(3) { pair, world in
                    guard let key = world.key(.bind, .legacy), let publicKey = key.publicKey else { return }
                    let data = world.bytes(world.roll(30))
                    try pair.send(UnBind.self, key.oiap) { side, _ in
                        .init(keyHandle: key.handle[side], inData: try publicKey[side].bind(Secret(data)))
                    }
                },
                Action(2) { pair, world in
                    guard let key = world.pick(world.keys), world.keys.count < 4,
                        let handle = try pair.load(key.blob)
                    else { return }
                    world.keys.append(LoadedKey(handle: handle, blob: key.blob, auth: key.auth, usage: key.usage))
                },
            ])
    }

    private static func sealToPCRs(_ pair: Pair) throws {
        for index in [8, 16, 23] {
            guard let digest = try pair.composite([index]) else { return }
            let selection = PCRSelection(indices: [index])
            let info = PCRInfo(pcrSelection: selection, digestAtRelease: digest, digestAtCreation: .zero)
            var long = PCRInfoLong(info)
            long.creationPCRSelection = PCRSelection(indices: [0, 1])
            var blobs: [Both<SealedBlob>] = []
            for encoded in [try info.encoded(), try long.encoded(), try PCRInfoLong(info).encoded()] {
                guard let blob = try pair.seal([1, 2, 3], pcrInfo: Both(encoded)) else { continue }
                try pair.unseal(blob)
                blobs.append(blob)
            }
            try pair.send(Extend.self, .init(pcrNum: UInt32(index), inDigest: Digest(repeating: 3)))
            for blob in blobs { try pair.unseal(blob) }
        }
        for locality in Locality.allCases {
            var long = PCRInfoLong.nothing
            long.localityAtRelease = locality.selection
            guard let blob = try pair.seal([1], pcrInfo: Both(try long.encoded())) else { continue }
            for other in Locality.allCases { try pair.at(other) { try pair.unseal(blob) } }
        }
        // Selections of other sizes, and what is no structure.
        for info: [UInt8] in [
            [0, 1, 0x80] + [UInt8](repeating: 0, count: 40), [0, 2, 0, 1] + [UInt8](repeating: 0, count: 40),
            [0, 0] + [UInt8](repeating: 0, count: 40), [0, 4, 1, 0, 0, 0] + [UInt8](repeating: 0, count: 40),
            [0, 3, 0, 0, 0] + [UInt8](repeating: 0, count: 40), [0, 6, 1, 1], [1], [0, 3, 1, 0, 0],
            [0, 3, 1, 0, 0] + [UInt8](repeating: 0, count: 41),
            [0, 6, 0, 0x1f, 0, 3, 0, 0, 0, 0, 3, 0, 0, 0] + [UInt8](repeating: 0, count: 40),
            [0, 6, 1, 0x00, 0, 3, 0, 0, 0, 0, 3, 0, 0, 0] + [UInt8](repeating: 0, count: 40),
            [0, 6, 1, 0x20, 0, 3, 0, 0, 0, 0, 3, 0, 0, 0] + [UInt8](repeating: 0, count: 40),
            [0, 6, 1, 0x1f, 0, 3, 0, 0, 0, 0, 4, 0, 0, 0, 0] + [UInt8](repeating: 0, count: 40),
        ] {
            guard let blob = try pair.seal([1], pcrInfo: Both(info)) else { continue }
            try pair.unseal(blob)
        }
    }

    private static func keys(_ pair: Pair) throws {
        for usage in KeyUsage.allCases {
            for flags: KeyFlags in [
                [], [.migratable], [.isVolatile], [.redirection], [.migrateAuthority], [.pcrIgnoredOnRead],
            ] {
                for bits: UInt32 in usage == .storage || usage == .migrate ? [1024, 2048] : [512, 1024] {
                    guard let blob = try pair.createKey(.template(usage, bits: bits, flags: flags)),
                        let handle = try pair.load(blob)
                    else { continue }
                    try pair.send(GetPubKey.self, .oiap(Pair.keyAuth)) { side, _ in .init(keyHandle: handle[side]) }
                    try pair.flush(handle)
                }
            }
        }
        for encScheme in EncScheme.allCases {
            for sigScheme in SigScheme.allCases {
                for usage in [KeyUsage.signing, .bind, .legacy, .storage] {
                    var template = Key.template(usage, bits: usage == .storage ? 2048 : 512)
                    template.algorithmParms.encScheme = encScheme
                    template.algorithmParms.sigScheme = sigScheme
                    // Those that are right were made above.
                    if usage.allowedEncSchemes.contains(encScheme), usage.allowedSigSchemes.contains(sigScheme),
                        usage == .storage
                    {
                        continue
                    }
                    try pair.createKey(template)
                }
            }
        }
        for bits: UInt32 in [0, 256, 511, 513, 768, 1536, 3072, 4096] {
            try pair.createKey(.template(.signing, bits: bits))
        }
        for usage in AuthDataUsage.allCases {
            guard let key = try pair.makeKey(.template(.signing, bits: 512, authDataUsage: usage)) else { continue }
            try pair.send(GetPubKey.self) { side, _ in .init(keyHandle: key.handle[side]) }
            try pair.send(GetPubKey.self, key.oiap) { side, _ in .init(keyHandle: key.handle[side]) }
            try pair.send(Sign.self) { side, _ in
                .init(keyHandle: key.handle[side], areaToSign: Digest(repeating: 1).bytes)
            }
            try pair.flush(key.handle)
        }
        for handle in [KeyHandle.srk, .ek, .owner, KeyHandle(rawValue: 5)] {
            try pair.send(GetPubKey.self, .init(keyHandle: handle))
            try pair.send(GetPubKey.self, .init(keyHandle: handle), Pair.srkOIAP)
        }
        // The form of 1.1.
        var old = Key.template(.signing, bits: 512)
        old.form = .key11
        guard let key = try pair.makeKey(old) else { return }
        try pair.flush(key.handle)
    }

    private static func unbind(_ pair: Pair) throws {
        for scheme in [EncScheme.rsaesOAEPSHA1MGF1, .rsaesPKCSv15] {
            for usage in [KeyUsage.bind, .legacy] {
                var template = Key.template(usage, bits: 1024)
                template.algorithmParms.encScheme = scheme
                guard let key = try pair.makeKey(template), let publicKey = key.publicKey else { return }
                let plain: [[UInt8]] = [
                    try BoundData(payload: .bind, payloadData: Secret([1, 2, 3])).encodedSecret().bytes,
                    try BoundData(payload: .bind, payloadData: Secret([])).encodedSecret().bytes,
                    [1, 1, 0, 0, 5, 1, 2, 3], [1, 2, 0, 0, 2, 1, 2, 3], [9, 9, 9, 9, 2, 1], [1, 1], [],
                ]
                for message in plain {
                    try pair.send(UnBind.self, key.oiap) { side, _ in
                        let data =
                            scheme == .rsaesPKCSv15
                            ? try publicKey[side].encryptPKCS1(Secret(message))
                            : try publicKey[side].encryptOAEP(Secret(message))
                        return .init(keyHandle: key.handle[side], inData: data)
                    }
                }
                for size in [0, 1, 127, 128, 129, 256] {
                    try pair.send(UnBind.self, key.oiap) { side, _ in
                        .init(keyHandle: key.handle[side], inData: [UInt8](repeating: 0x17, count: size))
                    }
                }
                try pair.flush(key.handle)
            }
        }
    }

    private static func loading(_ pair: Pair) throws {
        guard let parent = try pair.makeKey(.template(.storage)),
            let child = try pair.createKey(
                .template(.signing, bits: 512), under: parent.handle, .osapKey(parent.handle, parent.auth))
        else { return }
        try pair.load(child, under: parent.handle, parent.oiap)
        try pair.load(child)
        try pair.load(child, under: parent.handle, .oiap(Pair.wrongAuth))
        for change: (inout Key) -> Void in [
            { $0.keyUsage = .bind }, { $0.keyFlags = [.migratable] }, { $0.authDataUsage = .never },
            { $0.encData[5] ^= 1 }, { $0.encData = [] }, { $0.encData.removeLast() }, { $0.pubKey.key[7] ^= 1 },
            { $0.pubKey.key = [] }, { $0.algorithmParms.sigScheme = .none }, { $0.keyUsage = .identity },
            { $0.keyUsage = .storage },
        ] {
            try pair.load(
                child.map { blob in
                    var blob = blob
                    change(&blob)
                    return blob
                }, under: parent.handle, parent.oiap)
        }
        guard let digest = try pair.composite([16]) else { return }
        var long = PCRInfoLong.nothing
        long.releasePCRSelection = PCRSelection(indices: [16])
        long.digestAtRelease = digest
        guard let bound = try pair.makeKey(.template(.signing, bits: 512, boundTo: long)) else { return }
        for _ in 0..<2 {
            try pair.send(Sign.self, bound.oiap) { side, _ in
                .init(keyHandle: bound.handle[side], areaToSign: Digest(repeating: 1).bytes)
            }
            try pair.send(GetPubKey.self, bound.oiap) { side, _ in .init(keyHandle: bound.handle[side]) }
            try pair.send(Extend.self, .init(pcrNum: 16, inDigest: Digest(repeating: 1)))
        }
    }
}

extension PCRInfoLong {
    /// A binding to no register, and to every locality.
    static var nothing: PCRInfoLong {
        PCRInfoLong(
            localityAtCreation: .all, localityAtRelease: .all, creationPCRSelection: PCRSelection(),
            releasePCRSelection: PCRSelection(), digestAtCreation: .zero, digestAtRelease: .zero)
    }
}
