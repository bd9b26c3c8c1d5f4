/// DigestInfo of PKCS #1 (DER).
public enum DigestInfo {
    private static let sha1Prefix: [UInt8] = [
        0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2B, 0x0E, 0x03, 0x02, 0x1A, 0x05, 0x00, 0x04, 0x14,
    ]

    private static let sha256Prefix: [UInt8] = [
        0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04,
        0x20,
    ]

    /// 51 bytes: the SHA-256 prefix and the digest of what is signed.
    public static func sha256(of bytes: [UInt8]) -> [UInt8] { sha256Prefix + SHA256.hash(bytes) }

    /// 35 bytes: the SHA-1 prefix and the digest.
    public static func sha1(_ digest: Digest) -> [UInt8] {
        sha1Prefix + digest.bytes
    }
}
