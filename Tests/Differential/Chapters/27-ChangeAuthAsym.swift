import TPMClient
import TPMCrypto
import TPMWire

extension Flow {
    /// Part 3, 27.4.
    static var changeAuthAsym: Flow {
        Flow("27-change-auth-asym") { pair in
            let made = try pair.send(MakeIdentity.self, Pair.srkOIAP, Pair.ownerOSAP) { _, sessions in
                .init(
                    identityAuth: try sessions[1].hide(Pair.keyAuth), labelPrivCADigest: .zero,
                    idKeyParams: .template(.identity))
            }
            guard let made, let identity = try pair.load(made.map(\.idKey)), let sealed = try pair.seal([1, 2, 3])
            else { return }
            let started = try pair.send(ChangeAuthAsymStart.self, .oiap(Pair.keyAuth)) { side, _ in
                .init(
                    idHandle: identity[side], antiReplay: .zero,
                    tempKey: Key.template(.storage, bits: 1024).algorithmParms)
            }
            guard let started else { return }
            try pair.send(ChangeAuthAsymFinish.self, Pair.srkOIAP) { side, _ in
                .init(
                    parentHandle: .srk, ephHandle: started[side].ephHandle, entityType: EntityType(kind: .data),
                    newAuthLink: .zero, encNewAuth: [UInt8](repeating: 1, count: 128), encData: sealed[side].encData)
            }
            try pair.flush(started.map(\.ephHandle))
        }
    }
}
