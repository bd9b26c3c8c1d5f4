import COpenSSL

/// Incremental HMAC-SHA1 (RFC 2104) as a value: a copy is a fork.
public struct HMAC: Sendable {
    private var inner: SHA1
    private let outerPad: Secret

    private static let blockSize = 64
    private static let innerByte: UInt8 = 0x36
    private static let outerByte: UInt8 = 0x5C

    /// Starts with a key of any size; a key longer than 64 bytes is hashed first.
    public init(key: Secret) {
        inner = SHA1()
        outerPad = Self.pad(key, Self.outerByte)
        inner.update(Self.pad(key, Self.innerByte))
    }

    /// Appends bytes.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) { inner.update(bytes) }

    /// Appends bytes.
    public mutating func update(_ bytes: [UInt8]) { inner.update(bytes) }

    /// Appends bytes.
    public mutating func update(_ bytes: ArraySlice<UInt8>) { inner.update(bytes) }

    /// Appends 20 bytes.
    public mutating func update(_ digest: Digest) { inner.update(digest) }

    /// Appends the bytes of a secret.
    public mutating func update(_ secret: Secret) { inner.update(secret) }

    /// Appends 1 byte.
    public mutating func update(uint8 value: UInt8) { inner.update(uint8: value) }

    /// Appends 2 bytes, big-endian.
    public mutating func update(uint16 value: UInt16) { inner.update(uint16: value) }

    /// Appends 4 bytes, big-endian.
    public mutating func update(uint32 value: UInt32) { inner.update(uint32: value) }

    /// The 20-byte code of all bytes so far; more may be appended afterwards.
    public func finalize() -> Digest {
        SHA1.hash(outerPad, inner.finalize())
    }

    /// HMAC-SHA1 of the parts in a row; integers are big-endian.
    public static func authenticate(key: Secret, _ parts: any HashInput...) -> Digest {
        let context = DigestContext.take()
        var pads: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0, 0, 0)
        let result = withUnsafeMutableBytes(of: &pads) { block in
            load(key, into: block)
            mask(block, innerByte)
            context.restart()
            context.update(UnsafeRawBufferPointer(block))
            for part in parts {
                part.withHashBytes { context.update($0) }
            }
            let digest = context.finish()
            mask(block, innerByte ^ outerByte)
            context.restart()
            context.update(UnsafeRawBufferPointer(block))
            digest.withUnsafeBytes { context.update($0) }
            OPENSSL_cleanse(block.baseAddress, block.count)
            return context.finish()
        }
        context.giveBack()
        return result
    }

    private static func pad(_ key: Secret, _ byte: UInt8) -> Secret {
        Secret(count: blockSize) { block in
            load(key, into: block)
            mask(block, byte)
        }
    }

    /// Writes the key, or its hash, at the start of the zeroed block.
    private static func load(_ key: Secret, into block: UnsafeMutableRawBufferPointer) {
        key.withUnsafeBytes { bytes in
            if bytes.count <= block.count {
                block.copyMemory(from: bytes)
            } else {
                SHA1.hash(bytes).withUnsafeBytes { block.copyMemory(from: $0) }
            }
        }
    }

    private static func mask(_ block: UnsafeMutableRawBufferPointer, _ byte: UInt8) {
        for offset in block.indices {
            block[offset] ^= byte
        }
    }
}
