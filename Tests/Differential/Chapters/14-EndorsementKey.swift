import TPMClient
import TPMCrypto
import TPMWire

extension Chapter {
    /// Part 3, 14.
    static var endorsementKey: Chapter {
        Chapter(
            flows: [
                Flow("14-endorsement-key", from: .new) { pair in
                    try pair.send(ReadPubek.self, .init(antiReplay: .zero))
                    for bits: UInt32 in [0, 512, 1024, 4096] {
                        let parms = Key.template(.storage, bits: bits).algorithmParms
                        try pair.send(CreateEndorsementKeyPair.self, .init(antiReplay: .zero, keyInfo: parms))
                    }
                    _ = try pair.createEndorsementKey()
                    _ = try pair.createEndorsementKey()
                    try pair.send(ReadPubek.self, .init(antiReplay: .zero))
                    try pair.assertPresence()
                    try pair.send(RevokeTrust.self, .init(ekReset: Pair.dataAuth))
                },
                Flow("14-other-schemes", from: .new) { pair in
                    try pair.send(
                        CreateEndorsementKeyPair.self,
                        .init(antiReplay: .zero, keyInfo: Key.template(.signing).algorithmParms))
                },
                Flow("14-revocable", from: .new) { pair in
                    let parms = Key.template(.storage).algorithmParms
                    try pair.send(RevokeTrust.self, .init(ekReset: Pair.dataAuth))
                    try pair.send(
                        CreateRevocableEK.self,
                        .init(antiReplay: .zero, keyInfo: parms, generateReset: false, inputEKreset: Pair.dataAuth))
                    try pair.send(RevokeTrust.self, .init(ekReset: Pair.dataAuth))
                    try pair.assertPresence()
                    try pair.send(RevokeTrust.self, .init(ekReset: Pair.wrongAuth))
                    try pair.send(RevokeTrust.self, .init(ekReset: Pair.dataAuth))
                    try pair.flags()
                    try pair.send(ReadPubek.self, .init(antiReplay: .zero))
                    let made = try pair.send(
                        CreateRevocableEK.self,
                        .init(antiReplay: .zero, keyInfo: parms, generateReset: true, inputEKreset: Pair.dataAuth))
                    guard let made else { return }
                    try pair.send(RevokeTrust.self, .init(ekReset: Pair.dataAuth))
                    try pair.send(RevokeTrust.self) { side, _ in .init(ekReset: made[side].outputEKreset) }
                },
                Flow("14-owner-reads") { pair in
                    try pair.send(ReadPubek.self, .init(antiReplay: .zero))
                    for handle in [KeyHandle.ek, .srk, .owner, .admin, KeyHandle(rawValue: 1)] {
                        try pair.send(OwnerReadInternalPub.self, .init(keyHandle: handle), Pair.ownerOIAP)
                    }
                },
            ],
            actions: [
                Action { pair, _ in try pair.send(ReadPubek.self, .init(antiReplay: .zero)) },
                Action { pair, world in
                    try pair.send(
                        OwnerReadInternalPub.self, .init(keyHandle: world.chance(oneIn: 2) ? .ek : .srk), Pair.ownerOIAP
                    )
                },
            ])
    }
}
