/// MGF1 with SHA-1 (PKCS #1 v2.1, B.2.1).
public enum MGF1 {
    /// Most bytes that one call gives, well below the 2^32 blocks of the standard.
    public static let maximumCount = 1 << 20

    /// The first `count` bytes of the mask of `seed`; throws unless 0...maximumCount.
    public static func generate(seed: Secret, count: Int) throws(CryptoError) -> [UInt8] {
        guard (0...maximumCount).contains(count) else { throw CryptoError(what: "MGF1 size") }
        var mask = [UInt8](repeating: 0, count: count)
        try xor(seed: seed, into: &mask)
        return mask
    }

    /// The same where the mask is a secret: no copy outside the result.
    public static func generateSecret(seed: Secret, count: Int) throws(CryptoError) -> Secret {
        guard (0...maximumCount).contains(count) else { throw CryptoError(what: "MGF1 size") }
        return Secret(count: count) { xor(seed: seed, into: $0) }
    }

    /// Exclusive-ors the mask of `seed` into `data`; throws if `data` is longer than maximumCount.
    public static func xor(seed: Secret, into data: inout [UInt8]) throws(CryptoError) {
        guard data.count <= maximumCount else { throw CryptoError(what: "MGF1 size") }
        data.withUnsafeMutableBytes { xor(seed: seed, into: $0) }
    }

    /// The mask over a buffer already known to be at most maximumCount bytes.
    static func xor(seed: Secret, into data: UnsafeMutableRawBufferPointer) {
        var counter: UInt32 = 0
        var offset = 0
        while offset < data.count {
            let block = SHA1.hash(seed, counter)
            block.withUnsafeBytes { bytes in
                for (target, byte) in zip(offset..<data.count, bytes) {
                    data[target] ^= byte
                }
            }
            counter &+= 1
            offset += Digest.byteCount
        }
    }
}
