import COpenSSL

/// 20-byte SHA-1 value (Part 2, 5.4), stored inline: no heap.
public struct Digest: Hashable, Sendable, CustomStringConvertible {
    // The three words hold the bytes in memory order, whatever the byte order of the machine.
    private var words: (UInt64, UInt64, UInt32)

    /// Size in bytes.
    public static let byteCount = 20

    /// All bytes zero.
    public init() {
        words = (0, 0, 0)
    }

    /// All bytes equal to `byte`.
    public init(repeating byte: UInt8) {
        let wide = UInt64(byte) &* 0x0101_0101_0101_0101
        words = (wide, wide, UInt32(truncatingIfNeeded: wide))
    }

    // Three concrete initialisers: a generic one is not specialised for callers in other modules, and they decode.

    /// Takes exactly 20 bytes; nil for any other count.
    public init?(_ bytes: [UInt8]) {
        guard let digest = bytes.withUnsafeBytes({ Digest($0) }) else { return nil }
        self = digest
    }

    /// Takes exactly 20 bytes; nil for any other count.
    public init?(_ bytes: ArraySlice<UInt8>) {
        guard let digest = bytes.withUnsafeBytes({ Digest($0) }) else { return nil }
        self = digest
    }

    /// Takes exactly 20 bytes; nil for any other count.
    public init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count == Self.byteCount else { return nil }
        self.init()
        withUnsafeMutableBytes { $0.copyMemory(from: bytes) }
    }

    /// All bytes zero.
    public static var zero: Digest { Digest() }

    /// Calls `body` with the 20 bytes.
    @inline(__always)
    public func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        var copy = words
        return Swift.withUnsafeMutableBytes(of: &copy) { raw in
            body(UnsafeRawBufferPointer(rebasing: raw.prefix(Self.byteCount)))
        }
    }

    /// Calls `body` with the 20 bytes, writable.
    @inline(__always)
    public mutating func withUnsafeMutableBytes<R>(_ body: (UnsafeMutableRawBufferPointer) -> R) -> R {
        Swift.withUnsafeMutableBytes(of: &words) { raw in
            body(UnsafeMutableRawBufferPointer(rebasing: raw.prefix(Self.byteCount)))
        }
    }

    /// A copy of the 20 bytes.
    public var bytes: [UInt8] {
        withUnsafeBytes { Array($0) }
    }

    /// 40 lower-case hexadecimal digits.
    public var description: String {
        withUnsafeBytes { raw in
            var text = ""
            for byte in raw {
                if byte < 16 { text += "0" }
                text += String(byte, radix: 16)
            }
            return text
        }
    }

    /// Whether every byte is zero.
    public var isZero: Bool {
        words.0 | words.1 | UInt64(words.2) == 0
    }

    /// Compares all 20 bytes. Not constant in time: use `constantTimeEqual` for authorization values.
    public static func == (a: Digest, b: Digest) -> Bool {
        (a.words.0 ^ b.words.0) | (a.words.1 ^ b.words.1) | UInt64(a.words.2 ^ b.words.2) == 0
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
        hasher.combine(words.1)
        hasher.combine(words.2)
    }
}

/// Compares two digests in constant time (CRYPTO_memcmp).
public func constantTimeEqual(_ a: Digest, _ b: Digest) -> Bool {
    a.withUnsafeBytes { left in
        b.withUnsafeBytes { right in
            CRYPTO_memcmp(left.baseAddress, right.baseAddress, Digest.byteCount) == 0
        }
    }
}
