/// DigestInfo of PKCS #1 (DER).
public enum DigestInfo {
    private static let sha1Prefix: [UInt8] = [
        0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2B, 0x0E, 0x03, 0x02, 0x1A, 0x05, 0x00, 0x04, 0x14,
    ]

    /// 35 bytes: the SHA-1 prefix and the digest.
    public static func sha1(_ digest: Digest) -> [UInt8] {
        sha1Prefix + digest.bytes
    }
}
