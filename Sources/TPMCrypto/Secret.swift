import COpenSSL

/// Secret bytes: wiped (OPENSSL_cleanse) when the last copy dies, printed as `<secret>`, compared in constant time.
public struct Secret: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let storage: SecretStorage

    /// Copies `bytes` into an allocation of its own. The source array is not wiped.
    public init(_ bytes: [UInt8]) {
        storage = bytes.withUnsafeBytes { source in
            SecretStorage(count: source.count) { $0.copyMemory(from: source) }
        }
    }

    /// Copies `bytes` into an allocation of its own.
    public init(_ bytes: UnsafeRawBufferPointer) {
        storage = SecretStorage(count: bytes.count) { $0.copyMemory(from: bytes) }
    }

    /// Copies the 20 bytes of `digest`.
    public init(_ digest: Digest) {
        storage = digest.withUnsafeBytes { source in
            SecretStorage(count: source.count) { $0.copyMemory(from: source) }
        }
    }

    /// `count` zero bytes; a negative count is taken as 0.
    public init(count: Int) {
        storage = SecretStorage(count: count) { _ in }
    }

    /// `count` bytes, zero at first, then written by `fill`; a negative count is taken as 0.
    public init(count: Int, fill: (UnsafeMutableRawBufferPointer) -> Void) {
        storage = SecretStorage(count: count, fill: fill)
    }

    /// Size in bytes.
    public var count: Int { storage.buffer.count }

    /// Calls `body` with the bytes; the pointer is valid only during the call.
    public func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        withExtendedLifetime(storage) { body(UnsafeRawBufferPointer(storage.buffer)) }
    }

    /// A copy that is not wiped; the caller must treat it with care.
    public var bytes: [UInt8] {
        withUnsafeBytes { Array($0) }
    }

    public var description: String { "<secret>" }

    public var debugDescription: String { "<secret>" }

    /// A mirror without children, so that `dump` shows nothing.
    public var customMirror: Mirror { Mirror(self, children: []) }

    /// Constant in time for equal counts; different counts are unequal at once.
    public static func == (a: Secret, b: Secret) -> Bool {
        guard a.count == b.count else { return false }
        return a.withUnsafeBytes { left in
            b.withUnsafeBytes { right in
                // The buffers have at least one allocated byte each, so the addresses are never nil.
                CRYPTO_memcmp(left.baseAddress, right.baseAddress, left.count) == 0
            }
        }
    }
}

/// The allocation behind `Secret`: written once by the initialiser, then immutable until wiped.
private final class SecretStorage: @unchecked Sendable {
    let buffer: UnsafeMutableRawBufferPointer

    init(count: Int, fill: (UnsafeMutableRawBufferPointer) -> Void) {
        let size = max(count, 0)
        let memory = UnsafeMutableRawPointer.allocate(byteCount: max(size, 1), alignment: 16)
        buffer = UnsafeMutableRawBufferPointer(start: memory, count: size)
        if size > 0 {
            memory.initializeMemory(as: UInt8.self, repeating: 0, count: size)
        }
        fill(buffer)
    }

    deinit {
        OPENSSL_cleanse(buffer.baseAddress, buffer.count)
        buffer.baseAddress?.deallocate()
    }
}

/// Overwrites an array that nothing else refers to (OPENSSL_cleanse).
public func wipe(_ bytes: inout [UInt8]) {
    bytes.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) }
}
