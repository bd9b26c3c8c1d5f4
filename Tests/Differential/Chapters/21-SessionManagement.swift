import TPMClient
import TPMCrypto
import TPMWire

extension Chapter {
    /// Part 3, 21.
    static var sessionManagement: Chapter {
        Chapter(
            flows: [
                Flow("21-key-context") { pair in
                    guard let key = try pair.makeKey(.template(.signing, bits: 512)) else { return }
                    guard let saved = try save(pair, key.handle.map(\.rawValue), .key) else { return }
                    try pair.flush(key.handle)
                    let loaded = try load(pair, saved, keeps: false)
                    if let loaded {
                        try pair.send(Sign.self, key.oiap) { side, _ in
                            .init(keyHandle: KeyHandle(rawValue: loaded[side]), areaToSign: Digest().bytes)
                        }
                    }
                    _ = try load(pair, saved, keeps: true)
                    _ = try load(pair, saved, keeps: false)
                    try pair.powerCycle()
                    try pair.send(Startup.self, .init(.clear))
                    _ = try load(pair, saved, keeps: false)
                },
                Flow("21-session-context") { pair in
                    guard let session = try pair.open(Pair.ownerOIAP) else { return }
                    let handle = session.map(\.handle)
                    guard let saved = try save(pair, handle, .auth) else { return }
                    try pair.send(GetCapabilityOwner.self, .init(), .open(session))
                    guard try load(pair, saved, keeps: true) != nil else { return }
                    _ = try load(pair, saved, keeps: true)
                    guard let again = try pair.open(Pair.ownerOIAP),
                        let blob = try save(pair, again.map(\.handle), .auth)
                    else { return }
                    guard try load(pair, blob, keeps: true) != nil else { return }
                    try pair.send(GetCapabilityOwner.self, .init(), .open(again))
                    for type in ResourceType.allCases { _ = try save(pair, Both(KeyHandle.srk.rawValue), type) }
                    _ = try save(pair, Both(0x99), .auth)
                    _ = try save(pair, Both(KeyHandle.ek.rawValue), .key)
                },
                Flow("21-flushed-context") { pair in
                    guard let session = try pair.open(Pair.ownerOIAP),
                        let blob = try save(pair, session.map(\.handle), .auth)
                    else { return }
                    try pair.send(FlushSpecific.self) { side, _ in
                        .init(handle: blob[side]?.contextCount ?? 0, resourceType: .context)
                    }
                    _ = try load(pair, blob, keeps: true)
                },
                Flow("21-key-control") { pair in
                    guard let key = try pair.makeKey(.template(.signing, bits: 512)) else { return }
                    for value in [true, true, false, false, true] {
                        try control(pair, key, value)
                        try pair.send(SaveContext.self) { side, _ in
                            .init(
                                handle: key.handle[side].rawValue, resourceType: .key,
                                label: [UInt8](repeating: 1, count: 16))
                        }
                    }
                    try pair.powerCycle()
                    try pair.send(Startup.self, .init(.clear))
                    try pair.send(Sign.self, key.oiap) { side, _ in
                        .init(keyHandle: key.handle[side], areaToSign: Digest().bytes)
                    }
                    try pair.flush(key.handle)
                    try control(pair, key, false)
                    try pair.flush(key.handle)
                },
            ],
            actions: [
                Action(3) { pair, world in
                    guard let key = world.pick(world.keys) else { return }
                    let handle = key.handle.map(\.rawValue)
                    guard let blob = try save(pair, handle, .key) else { return }
                    world.contexts.append((blob, .key, handle))
                },
                Action(2) { pair, world in
                    guard let context = world.pick(world.contexts), world.keys.count < 4 else { return }
                    pair.nextForm = nil
                    guard let handle = try load(pair, context.blob, keeps: false) else { return }
                    // It is a key that nobody uses from now on.
                    try pair.flush(handle.map(KeyHandle.init(rawValue:)))
                },
                Action(2) { pair, world in
                    guard let session = world.sessions.popLast() else { return }
                    pair.nextForm = nil
                    guard let blob = try save(pair, session.map(\.handle), .auth),
                        try load(pair, blob, keeps: true) != nil
                    else { return }
                    world.sessions.append(session)
                },
            ])
    }

    private static func save(
        _ pair: Pair, _ handle: Both<UInt32>, _ type: ResourceType
    ) throws -> Both<ContextBlob?>? {
        try pair.send(SaveContext.self) { side, _ in
            .init(handle: handle[side], resourceType: type, label: [UInt8](repeating: 1, count: 16))
        }?.map(\.contextBlob)
    }

    private static func load(_ pair: Pair, _ blob: Both<ContextBlob?>, keeps: Bool) throws -> Both<UInt32>? {
        try pair.send(LoadContext.self) { side, _ in
            .init(entityHandle: 0, keepHandle: keeps, contextBlob: blob[side])
        }?.map(\.handle)
    }

    private static func control(_ pair: Pair, _ key: LoadedKey, _ value: Bool) throws {
        try pair.send(KeyControlOwner.self, Pair.ownerOIAP) { side, _ in
            let blob = key.blob[side]
            return .init(
                keyHandle: key.handle[side],
                pubKey: Pubkey(algorithmParms: blob.algorithmParms, pubKey: blob.pubKey),
                bitName: KeyControl.ownerEvict.rawValue, bitValue: value)
        }
    }
}
