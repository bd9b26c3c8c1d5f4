import TPMClient
import TPMCrypto
import TPMWire

extension Chapter {
    /// Part 3, 27.
    static var deprecated: Chapter {
        Chapter(
            flows: [
                Flow("27-deprecated") { pair in
                    guard let key = try pair.makeKey(.template(.signing, bits: 512)) else { return }
                    let saved = try pair.send(SaveKeyContext.self) { side, _ in .init(keyHandle: key.handle[side]) }
                    try pair.send(EvictKey.self) { side, _ in .init(evictHandle: key.handle[side]) }
                    try pair.send(EvictKey.self) { side, _ in .init(evictHandle: key.handle[side]) }
                    try pair.send(EvictKey.self, .init(evictHandle: .srk))
                    if let saved {
                        try pair.unswept {
                            let loaded = try pair.send(LoadKeyContext.self) { side, _ in
                                .init(keyContextBlob: saved[side].keyContextBlob)
                            }
                            if let loaded { try pair.flush(loaded.map(\.keyHandle)) }
                        }
                        let loaded = try pair.send(LoadKeyContext.self) { side, _ in
                            .init(keyContextBlob: saved[side].keyContextBlob)
                        }
                        if let loaded { try pair.flush(loaded.map(\.keyHandle)) }
                    }
                    guard let session = try pair.open(Pair.ownerOIAP) else { return }
                    let savedSession = try pair.send(SaveAuthContext.self) { side, _ in
                        .init(authHandle: session[side].handle)
                    }
                    if let savedSession {
                        try pair.unswept {
                            try pair.send(LoadAuthContext.self) { side, _ in
                                .init(authContextBlob: savedSession[side].authContextBlob)
                            }
                        }
                        try pair.send(LoadAuthContext.self) { side, _ in
                            .init(authContextBlob: savedSession[side].authContextBlob)
                        }
                        try pair.send(GetCapabilityOwner.self, .init(), .open(session), continues: true)
                    }
                    try pair.send(TerminateHandle.self) { side, _ in .init(handle: session[side].handle) }
                    try pair.send(TerminateHandle.self) { side, _ in .init(handle: session[side].handle) }
                    guard let other = try pair.open(Pair.ownerOIAP) else { return }
                    try pair.send(Reset.self, .init())
                    try pair.send(GetCapabilityOwner.self, .init(), .open(other))
                    for handle in [KeyHandle.srk, .ek, .owner] {
                        try pair.send(EvictKey.self, .init(evictHandle: handle))
                        try pair.send(SaveKeyContext.self, .init(keyHandle: handle))
                    }
                },
                .changeAuthAsym,
                Flow("27-dir") { pair in
                    for index: UInt32 in [0, 1] {
                        try pair.send(DirRead.self, .init(dirIndex: index))
                        try pair.send(
                            DirWriteAuth.self, .init(dirIndex: index, newContents: Digest(repeating: 3)), Pair.ownerOIAP
                        )
                        try pair.send(DirRead.self, .init(dirIndex: index))
                    }
                    try pair.powerCycle()
                    try pair.send(Startup.self, .init(.clear))
                    try pair.send(DirRead.self, .init(dirIndex: 0))
                },
                Flow("27-load-key") { pair in
                    guard let blob = try pair.createKey(.template(.signing, bits: 512)) else { return }
                    let loaded = try pair.send(LoadKey.self, Pair.srkOIAP) { side, _ in
                        .init(parentHandle: .srk, inKey: blob[side])
                    }
                    if let loaded { try pair.flush(loaded.map(\.inkeyHandle)) }
                },
                Flow("27-pubek") { pair in
                    try pair.send(OwnerReadPubek.self, .init(), Pair.ownerOIAP)
                    try pair.send(DisablePubekRead.self, .init(), Pair.ownerOIAP)
                    try pair.flags()
                    try pair.send(ReadPubek.self, .init(antiReplay: .zero))
                },
            ],
            actions: [
                Action { pair, world in
                    try pair.send(DirWriteAuth.self, .init(dirIndex: 0, newContents: world.digest()), Pair.ownerOIAP)
                },
                Action { pair, _ in try pair.send(DirRead.self, .init(dirIndex: 0)) },
                Action { pair, _ in try pair.send(OwnerReadPubek.self, .init(), Pair.ownerOIAP) },
            ])
    }
}
