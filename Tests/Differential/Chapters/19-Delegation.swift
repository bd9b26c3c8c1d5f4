import TPMClient
import TPMCrypto
import TPMWire

extension Chapter {
    /// Part 3, 19 and 18.3.
    static var delegation: Chapter {
        Chapter(
            flows: [
                Flow("19-families") { pair in
                    for operation in FamilyOperation.allCases {
                        for data: [UInt8] in [[1], [0], [2], [], [0, 0]] {
                            try pair.send(
                                DelegateManage.self, .init(familyID: 1, opCode: operation, opData: data), Pair.ownerOIAP
                            )
                            try pair.send(DelegateManage.self, .init(familyID: 1, opCode: operation, opData: data))
                            try pair.send(DelegateReadTable.self, .init())
                        }
                    }
                },
                Flow("19-families-without-owner", from: .endorsed) { pair in
                    try pair.send(DelegateManage.self, .init(opCode: .create, opData: [7]))
                    try pair.send(DelegateManage.self, .init(familyID: 1, opCode: .enable, opData: [1]))
                    try pair.send(DelegateReadTable.self, .init())
                    try pair.send(DelegateManage.self, .init(familyID: 1, opCode: .admin, opData: [1]))
                    try pair.send(DelegateManage.self, .init(familyID: 1, opCode: .enable, opData: [0]))
                },
                Flow("19-owner", owner), Flow("19-key", key),
            ],
            actions: [
                Action { pair, world in
                    let operation = world.pick(FamilyOperation.allCases) ?? .create
                    try pair.send(
                        DelegateManage.self,
                        .init(familyID: UInt32(world.roll(4)), opCode: operation, opData: [UInt8(world.roll(2))]),
                        Pair.ownerOIAP)
                    try pair.send(DelegateReadTable.self, .init())
                }
            ])
    }

    private static func family(_ pair: Pair) throws {
        try pair.send(DelegateManage.self, .init(opCode: .create, opData: [7]), Pair.ownerOIAP)
        try pair.send(DelegateManage.self, .init(familyID: 1, opCode: .enable, opData: [1]), Pair.ownerOIAP)
    }

    private static func delegation(_ type: DelegateType, _ ordinals: [Ordinal]) -> DelegatePublic {
        DelegatePublic(
            rowLabel: 1, pcrInfo: PCRInfoShort(), permissions: Delegations(delegateType: type, ordinals), familyID: 1,
            verificationCount: 1)
    }

    private static func owner(_ pair: Pair) throws {
        try family(pair)
        let info = delegation(.owner, [.ownerReadInternalPub, .dirWriteAuth, .delegateManage, .setOrdinalAuditStatus])
        for increments in [false, true] {
            let blob = try pair.send(DelegateCreateOwnerDelegation.self, Pair.ownerOSAP) { _, sessions in
                .init(increment: increments, publicInfo: info, delAuth: try sessions[0].hide(Pair.dataAuth))
            }?.compactMap(\.blob)
            guard let blob else { continue }
            try pair.send(DelegateVerifyDelegation.self) { side, _ in .init(delegation: try blob[side].encoded()) }
            for row: UInt32 in [0, 1, 4] {
                try pair.send(DelegateLoadOwnerDelegation.self, Pair.ownerOIAP) { side, _ in
                    .init(index: row, blob: blob[side])
                }
            }
            try pair.send(DelegateReadTable.self, .init())
            for secret in [Pair.dataAuth, Pair.wrongAuth] {
                try pair.call(.ownerReadInternalPub) { side, client in
                    let session = try client.dsap(blob[side], secret: secret)
                    return try client.execute(OwnerReadInternalPub.self, .init(keyHandle: .srk), session)
                }
                pair.passTime()
                try pair.call(.ownerReadInternalPub) { _, client in
                    let session = try client.dsap(row: 0, secret: secret)
                    return try client.execute(OwnerReadInternalPub.self, .init(keyHandle: .ek), session)
                }
                pair.passTime()
            }
            // What was not delegated.
            try pair.call(.getCapabilityOwner) { side, client in
                let session = try client.dsap(blob[side], secret: Pair.dataAuth)
                return try client.execute(GetCapabilityOwner.self, .init(), session)
            }
            try pair.send(SetOwnerPointer.self, .init(entityType: EntityType(kind: .delRow), entityValue: 0))
            try pair.send(OwnerReadInternalPub.self, .init(keyHandle: .srk), .oiap(Pair.dataAuth))
            try pair.send(OwnerReadInternalPub.self, .init(keyHandle: .srk), Pair.ownerOIAP)
            try pair.send(SetOwnerPointer.self, .init(entityType: EntityType(kind: .owner), entityValue: 0))
            try pair.send(DelegateUpdateVerification.self, Pair.ownerOIAP) { side, _ in
                .init(inputData: try blob[side].encoded())
            }
            try pair.send(
                DelegateUpdateVerification.self, .init(inputData: UInt32(0).bigEndianBytes), Pair.ownerOIAP)
        }
    }

    private static func key(_ pair: Pair) throws {
        try family(pair)
        guard let key = try pair.makeKey(.template(.signing, bits: 512)) else { return }
        let blob = try pair.send(DelegateCreateKeyDelegation.self, .osapKey(key.handle, key.auth)) { side, sessions in
            .init(
                keyHandle: key.handle[side], publicInfo: delegation(.key, [.sign, .quote]),
                delAuth: try sessions[0].hide(Pair.dataAuth))
        }?.compactMap(\.blob)
        guard let blob else { return }
        try pair.send(DelegateVerifyDelegation.self) { side, _ in .init(delegation: try blob[side].encoded()) }
        try pair.call(.sign) { side, client in
            let session = try client.dsap(blob[side], key: key.handle[side], secret: Pair.dataAuth)
            let request = Sign.Request(keyHandle: key.handle[side], areaToSign: Digest.zero.bytes)
            return try client.execute(Sign.self, request, session)
        }
        try pair.call(.getPubKey) { side, client in
            let session = try client.dsap(blob[side], key: key.handle[side], secret: Pair.dataAuth)
            return try client.execute(GetPubKey.self, .init(keyHandle: key.handle[side]), session)
        }
        try pair.send(DSAP.self) { side, _ in
            .init(
                entityType: EntityType(kind: .delKeyBlob), keyHandle: key.handle[side], nonceOddDSAP: .zero,
                entityValue: try blob[side].encoded())
        }
    }
}
