import TPMClient
import TPMCrypto
import TPMWire

extension Chapter {
    /// Part 3, 11.
    static var migration: Chapter {
        Chapter(
            flows: [Flow("11-migrate", migrate), Flow("11-certified", certified)],
            actions: [
                Action { pair, world in
                    guard let ek = pair.endorsementKey else { return }
                    let scheme = world.pick(MigrateScheme.allCases) ?? .migrate
                    try pair.send(AuthorizeMigrationKey.self, Pair.ownerOIAP) { side, _ in
                        .init(migrationScheme: scheme, migrationKey: .rsa(ek[side]))
                    }
                }
            ])
    }

    private static func migrate(_ pair: Pair) throws {
        guard let target = try pair.makeKey(.template(.storage)),
            let authority = try pair.makeKey(.template(.migrate)),
            let key = try pair.createKey(.template(.signing, bits: 512, flags: [.migratable])),
            let fixed = try pair.createKey(.template(.signing, bits: 512)),
            let targetKey = target.publicKey, let authorityKey = authority.publicKey
        else { return }
        for scheme in MigrateScheme.allCases {
            let allowed = try pair.send(AuthorizeMigrationKey.self, Pair.ownerOIAP) { side, _ in
                .init(
                    migrationScheme: scheme,
                    migrationKey: .rsa(scheme == .migrate ? authorityKey[side] : targetKey[side]))
            }?.map(\.outData)
            guard let allowed else { continue }
            for blob in [key, fixed] {
                for type in [MigrateScheme.migrate, .rewrap] {
                    let made = try pair.send(CreateMigrationBlob.self, Pair.srkOIAP, .oiap(Pair.wrongAuth)) { side, _ in
                        .init(
                            parentHandle: .srk, migrationType: type, migrationKeyAuth: allowed[side],
                            encData: blob[side].encData)
                    }
                    guard let made else { continue }
                    if type == .rewrap {
                        var moved = blob
                        for side in Side.allCases { moved[side].encData = made[side].outData }
                        try pair.load(moved, under: target.handle, target.oiap)
                        continue
                    }
                    let passed = try pair.send(MigrateKey.self, authority.oiap) { side, _ in
                        .init(
                            maKeyHandle: authority.handle[side], pubKey: .rsa(targetKey[side]),
                            inData: made[side].outData)
                    }
                    guard let passed else { continue }
                    let converted = try pair.send(ConvertMigrationBlob.self, target.oiap) { side, _ in
                        .init(
                            parentHandle: target.handle[side], inData: passed[side].outData, random: made[side].random)
                    }
                    guard let converted else { continue }
                    var moved = blob
                    for side in Side.allCases { moved[side].encData = converted[side].outData }
                    try pair.load(moved, under: target.handle, target.oiap)
                }
            }
        }
    }

    private static func certified(_ pair: Pair) throws {
        try pair.send(CMKSetRestrictions.self, .init(restriction: []), Pair.ownerOIAP)
        try pair.send(CMKSetRestrictions.self, .init(restriction: [.signing, .bind]), Pair.ownerOIAP)
        guard let authority = try pair.makeKey(.template(.signing)), let publicKey = authority.publicKey else { return }
        let composite = try Both(each: { side in
            MSAComposite(migAuthDigest: [SHA1.hash(try Pubkey.rsa(publicKey[side]).encoded())])
        })
        let digests = try composite.map { SHA1.hash(try $0.encoded()) }
        let approval = try pair.send(CMKApproveMA.self, Pair.ownerOIAP) { side, _ in
            .init(migrationAuthorityDigest: digests[side])
        }
        guard let approval else { return }
        for usage in KeyUsage.allCases {
            for flags: KeyFlags in [[.migratable, .migrateAuthority], [.migratable], []] {
                try pair.send(CMKCreateKey.self, Pair.srkOSAP) { side, sessions in
                    .init(
                        parentHandle: .srk, dataUsageAuth: try sessions[0].hide(Pair.keyAuth),
                        keyInfo: .template(
                            usage, bits: usage == .storage || usage == .migrate ? 2048 : 512, flags: flags),
                        migrationAuthorityApproval: approval[side].outData, migrationAuthorityDigest: digests[side])
                }
            }
        }
        let signature = try pair.send(Sign.self, authority.oiap) { side, _ in
            .init(keyHandle: authority.handle[side], areaToSign: Digest(repeating: 1).bytes)
        }
        guard let signature else { return }
        try pair.send(CMKCreateTicket.self, Pair.ownerOIAP) { side, _ in
            .init(
                verificationKey: .rsa(publicKey[side]), signedData: Digest(repeating: 1),
                signatureValue: signature[side].sig)
        }
        try pair.send(CMKCreateTicket.self, Pair.ownerOIAP) { side, _ in
            .init(
                verificationKey: .rsa(publicKey[side]), signedData: Digest(repeating: 2),
                signatureValue: signature[side].sig)
        }
    }
}

extension Pubkey {
    /// A key of OAEP, as it is told to a TPM.
    static func rsa(_ key: RSAPublicKey) -> Pubkey {
        var parms = Key.template(.storage).algorithmParms
        parms.parms = .rsa(RSAKeyParms(keyLength: UInt32(key.modulusSize * 8), numPrimes: 2, exponent: []))
        return Pubkey(algorithmParms: parms, pubKey: StorePubkey(key: key.modulus))
    }
}
