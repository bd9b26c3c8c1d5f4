import TPMClient
import TPMCrypto
import TPMWire

extension Chapter {
    /// Part 3, 15.
    static var identity: Chapter {
        Chapter(flows: [
            Flow("15-identity") { pair in
                guard let ek = pair.endorsementKey else { return }
                for template: Key in [
                    .template(.identity), .template(.signing), .template(.identity, bits: 1024),
                    .template(.identity, flags: [.migratable]), .template(.identity, authDataUsage: .never),
                ] {
                    let made = try pair.send(MakeIdentity.self, Pair.srkOIAP, Pair.ownerOSAP) { _, sessions in
                        .init(
                            identityAuth: try sessions[1].hide(Pair.keyAuth), labelPrivCADigest: Digest(repeating: 5),
                            idKeyParams: template)
                    }
                    guard let made, let handle = try pair.load(made.map(\.idKey)) else { continue }
                    let session = SymmetricKey(
                        algId: .aes128, encScheme: .symCTR, data: Secret([UInt8](repeating: 6, count: 16)))
                    let contents = try Both(each: { side in
                        AsymCAContents(
                            sessionKey: session, idDigest: SHA1.hash(try made[side].idKey.pubkey.encoded()))
                    })
                    let blobs = try Both(each: { side in
                        try ek[side].encryptOAEP(try contents[side].encodedSecret())
                    })
                    try pair.send(ActivateIdentity.self, .oiap(Pair.keyAuth), Pair.ownerOIAP) { side, _ in
                        .init(idKeyHandle: handle[side], blob: blobs[side])
                    }
                    let active = try Both(each: { side in
                        let activate = EKBlobActivate(
                            sessionKey: session, idDigest: SHA1.hash(try made[side].idKey.pubkey.encoded()),
                            pcrInfo: PCRInfoShort())
                        let blob = EKBlob(ekType: .activate, blob: try activate.encodedSecret())
                        return try ek[side].encryptOAEP(try blob.encodedSecret())
                    })
                    try pair.send(ActivateIdentity.self, .oiap(Pair.keyAuth), Pair.ownerOIAP) { side, _ in
                        .init(idKeyHandle: handle[side], blob: active[side])
                    }
                    try pair.send(ActivateIdentity.self, .oiap(Pair.keyAuth), Pair.ownerOIAP) { side, _ in
                        .init(idKeyHandle: handle[side], blob: [UInt8](repeating: 3, count: 256))
                    }
                    try pair.send(Quote.self, .oiap(Pair.keyAuth)) { side, _ in
                        .init(keyHandle: handle[side], externalData: .zero, targetPCR: PCRSelection(indices: [0, 1]))
                    }
                    try pair.flush(handle)
                }
            }
        ])
    }
}
