import TPMCrypto

/// What an engine tells of itself; nothing is decided by it.
struct EngineFigures: Sendable, Equatable {
    /// How many commands were answered.
    var commands: UInt64 = 0
    /// How many clients are connected, at all doors.
    var clients = 0
    var hasPower = false
}

extension EngineFigures {
    private static let size = 13

    var body: Secret {
        let words = [UInt32(commands >> 32), UInt32(truncatingIfNeeded: commands), UInt32(clamping: clients)]
        return Secret(words.flatMap(\.bigEndianBytes) + [hasPower ? 1 : 0])
    }

    /// Nil for what is none.
    init?(_ body: Secret) {
        let bytes = body.bytes
        guard bytes.count == Self.size else { return nil }
        commands = UInt64(UInt32(bigEndian: bytes[..<4])) << 32 | UInt64(UInt32(bigEndian: bytes[4..<8]))
        clients = Int(UInt32(bigEndian: bytes[8..<12]))
        hasPower = bytes[12] == 1
    }
}
