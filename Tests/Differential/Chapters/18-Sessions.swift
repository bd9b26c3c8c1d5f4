import TPMClient
import TPMCrypto
import TPMWire

extension Chapter {
    /// Part 3, 18.1, 18.2 and 18.4.
    static var sessions: Chapter {
        Chapter(
            flows: [
                Flow("18-oiap") { pair in
                    try pair.send(OIAP.self, .init())
                    guard let session = try pair.open(Pair.ownerOIAP) else { return }
                    for _ in 0..<3 { try pair.send(GetCapabilityOwner.self, .init(), .open(session), continues: true) }
                    try pair.send(GetCapabilityOwner.self, .init(), .open(session))
                    try pair.send(GetCapabilityOwner.self, .init(), .open(session))
                },
                Flow("18-osap") { pair in
                    for kind in EntityKind.allCases where kind != .counter || pair.isBuilt(.createCounter) {
                        for value in [KeyHandle.srk, .ek, .owner, .operator, KeyHandle(rawValue: 0)] {
                            for scheme: UInt16 in [0, 6, 1, 7] {
                                let type = EntityType(rawValue: scheme << 8 | UInt16(kind.rawValue))
                                try pair.osapAndFlush(type, value.rawValue)
                            }
                        }
                    }
                    try pair.osapAndFlush(EntityType(rawValue: 0x00ff), 0)
                    guard let session = try pair.open(Pair.ownerOSAP) else { return }
                    for _ in 0..<3 { try pair.send(GetCapabilityOwner.self, .init(), .open(session), continues: true) }
                    // A session of one entity for another.
                    guard let other = try pair.open(Pair.srkOSAP) else { return }
                    try pair.send(GetCapabilityOwner.self, .init(), .open(other))
                },
                Flow("18-many-sessions") { pair in
                    var sessions: [Both<Session>] = []
                    for _ in 0..<3 {
                        guard let session = try pair.open(Pair.ownerOIAP) else { break }
                        sessions.append(session)
                    }
                    for session in sessions.reversed() {
                        try pair.send(GetCapabilityOwner.self, .init(), .open(session), continues: true)
                        try pair.flush(session, after: .plain, of: .oiap)
                        try pair.flush(session, after: .plain, of: .oiap)
                    }
                },
                Flow("18-key-session") { pair in
                    guard let key = try pair.makeKey(.template(.signing, bits: 512)),
                        let session = try pair.open(.osapKey(key.handle, key.auth))
                    else { return }
                    for continues in [true, true, false] {
                        try pair.send(Sign.self, .open(session), continues: continues) { side, _ in
                            .init(keyHandle: key.handle[side], areaToSign: Digest().bytes)
                        }
                    }
                    guard let left = try pair.open(.osapKey(key.handle, key.auth)) else { return }
                    try pair.flush(key.handle)
                    try pair.flush(left, after: .plain, of: .sign)
                },
                Flow("18-owner-pointer") { pair in
                    for kind in EntityKind.allCases {
                        for value: UInt32 in [0, KeyHandle.owner.rawValue] {
                            try pair.send(
                                SetOwnerPointer.self, .init(entityType: EntityType(kind: kind), entityValue: value))
                        }
                    }
                    try pair.send(GetCapabilityOwner.self, .init(), Pair.ownerOIAP)
                },
            ],
            actions: [
                Action(2) { pair, world in
                    guard world.sessions.count < 3, let session = try pair.open(Pair.ownerOIAP) else { return }
                    world.sessions.append(session)
                },
                Action(3) { pair, world in
                    guard let session = world.sessions.popLast() else { return }
                    let continues = world.chance(oneIn: 2)
                    pair.nextForm = nil
                    let answer = try pair.send(GetCapabilityOwner.self, .init(), .open(session), continues: continues)
                    if continues, answer != nil { world.sessions.append(session) }
                },
                Action(2) { pair, world in
                    let kind = world.pick(EntityKind.allCases) ?? .srk
                    try pair.osapAndFlush(EntityType(kind: kind), KeyHandle.srk.rawValue)
                },
            ])
    }
}

extension Pair {
    /// Whether our engine knows a command.
    func isBuilt(_ ordinal: Ordinal) -> Bool { CommandTable.command(for: ordinal) != nil }

    /// TPM_OSAP for an entity, whatever comes of it.
    func osapAndFlush(_ type: EntityType, _ value: UInt32) throws {
        let request = OSAP.Request(entityType: type, entityValue: value, nonceOddOSAP: .zero)
        guard let opened = try send(OSAP.self, request) else { return }
        try send(FlushSpecific.self) { side, _ in .init(handle: opened[side].authHandle, resourceType: .auth) }
    }
}
