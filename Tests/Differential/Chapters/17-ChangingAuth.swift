import TPMClient
import TPMCrypto
import TPMWire

extension Chapter {
    /// Part 3, 17.
    static var changingAuth: Chapter {
        Chapter(
            flows: [
                Flow("17-change-auth") { pair in
                    guard let sealed = try pair.seal([1, 2, 3]),
                        let key = try pair.createKey(.template(.signing, bits: 512))
                    else { return }
                    let changed = try changeAuth(pair, sealed.map(\.encData), of: .data, from: Pair.dataAuth)
                    if let changed {
                        let blob = Both(each: { sealed[$0].with(encData: changed[$0]) })
                        try pair.unseal(blob)
                        try pair.unseal(blob, dataAuth: Pair.wrongAuth)
                    }
                    let changedKey = try changeAuth(pair, key.map(\.encData), of: .key, from: Pair.keyAuth)
                    if let changedKey {
                        var blob = key
                        for side in Side.allCases { blob[side].encData = changedKey[side] }
                        if let handle = try pair.load(blob) { try pair.flush(handle) }
                    }
                    for kind in EntityKind.allCases {
                        _ = try changeAuth(pair, sealed.map(\.encData), of: kind, from: Pair.dataAuth)
                        _ = try changeAuth(pair, key.map(\.encData), of: kind, from: Pair.keyAuth)
                    }
                },
                Flow("17-change-auth-owner") { pair in
                    for kind in EntityKind.allCases where kind != .owner {
                        try changeOwner(pair, kind, to: Pair.srkAuth)
                    }
                    try changeOwner(pair, .owner, to: Pair.dataAuth)
                    pair.owner = Pair.dataAuth
                    try pair.send(GetCapabilityOwner.self, .init(), .oiap(Pair.dataAuth))
                    try pair.send(GetCapabilityOwner.self, .init(), Pair.ownerOIAP)
                },
            ],
            actions: [
                Action(2) { pair, world in
                    guard let sealed = world.pick(world.sealed) else { return }
                    guard let changed = try changeAuth(pair, sealed.map(\.encData), of: .data, from: Pair.dataAuth)
                    else {
                        return
                    }
                    try pair.unseal(Both(each: { sealed[$0].with(encData: changed[$0]) }), dataAuth: Pair.wrongAuth)
                },
                Action { pair, world in try changeOwner(pair, .srk, to: Pair.srkAuth) },
            ])
    }

    /// To the wrong secret.
    private static func changeAuth(
        _ pair: Pair, _ encData: Both<[UInt8]>, of kind: EntityKind, from old: Secret
    ) throws -> Both<[UInt8]>? {
        try pair.send(ChangeAuth.self, Pair.srkOSAP, .oiap(old)) { side, sessions in
            .init(
                parentHandle: .srk, newAuth: try sessions[0].hide(Pair.wrongAuth), entityType: EntityType(kind: kind),
                encData: encData[side])
        }?.map(\.outData)
    }

    private static func changeOwner(_ pair: Pair, _ kind: EntityKind, to new: Secret) throws {
        try pair.send(ChangeAuthOwner.self, Pair.ownerOSAP) { side, sessions in
            .init(newAuth: try sessions[0].hide(new), entityType: EntityType(kind: kind))
        }
    }
}
