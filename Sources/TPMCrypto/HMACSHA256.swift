extension SHA256 {
    private static let blockSize = 64

    /// HMAC-SHA-256 (RFC 2104), 32 bytes, with a key of any size; a key longer than 64 bytes is hashed first.
    public static func authenticate(key: Secret, _ text: [UInt8]) -> [UInt8] {
        hash(pad(key, 0x5C), hash(pad(key, 0x36), text))
    }

    /// A key of 32 bytes that was made from another, under a context that no other use of it shares.
    public static func deriveKey(from key: Secret, _ context: [UInt8]) -> Secret {
        var code = authenticate(key: key, context)
        defer { wipe(&code) }
        return Secret(code)
    }

    private static func pad(_ key: Secret, _ byte: UInt8) -> Secret {
        Secret(count: blockSize) { block in
            if key.count <= blockSize {
                key.withUnsafeBytes { block.copyMemory(from: $0) }
            } else {
                var digest = hash(key)
                digest.withUnsafeBytes { block.copyMemory(from: $0) }
                wipe(&digest)
            }
            for offset in block.indices { block[offset] ^= byte }
        }
    }
}
