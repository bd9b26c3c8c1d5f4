import COpenSSL

/// Incremental SHA-1 (FIPS 180-4) as a value: a copy is a fork.
public struct SHA1: Sendable {
    private var box: Box

    /// Written only while one value refers to it.
    private final class Box: @unchecked Sendable {
        let context: DigestContext

        init() { context = DigestContext.make() }

        init(copying other: Box) {
            context = DigestContext.make()
            context.copy(other.context)
        }

        deinit { EVP_MD_CTX_free(context.pointer) }
    }

    /// The hash of no bytes yet.
    public init() {
        box = Box()
    }

    /// Appends bytes.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        if !isKnownUniquelyReferenced(&box) {
            box = Box(copying: box)
        }
        box.context.update(bytes)
    }

    /// Appends bytes.
    public mutating func update(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { update($0) }
    }

    /// Appends bytes.
    public mutating func update(_ bytes: ArraySlice<UInt8>) {
        bytes.withUnsafeBytes { update($0) }
    }

    /// Appends 20 bytes.
    public mutating func update(_ digest: Digest) {
        digest.withUnsafeBytes { update($0) }
    }

    /// Appends the bytes of a secret.
    public mutating func update(_ secret: Secret) {
        secret.withUnsafeBytes { update($0) }
    }

    /// Appends 1 byte.
    public mutating func update(uint8 value: UInt8) {
        Swift.withUnsafeBytes(of: value) { update($0) }
    }

    /// Appends 2 bytes, big-endian.
    public mutating func update(uint16 value: UInt16) {
        Swift.withUnsafeBytes(of: value.bigEndian) { update($0) }
    }

    /// Appends 4 bytes, big-endian.
    public mutating func update(uint32 value: UInt32) {
        Swift.withUnsafeBytes(of: value.bigEndian) { update($0) }
    }

    /// The digest of all bytes so far; more may be appended afterwards.
    public func finalize() -> Digest {
        let scratch = DigestContext.take()
        scratch.copy(box.context)
        let result = scratch.finish()
        scratch.giveBack()
        return result
    }
}

extension SHA1 {
    /// SHA-1 of `bytes`.
    public static func hash(_ bytes: UnsafeRawBufferPointer) -> Digest {
        let context = DigestContext.take()
        context.restart()
        context.update(bytes)
        let result = context.finish()
        context.giveBack()
        return result
    }

    /// SHA-1 of `bytes`.
    public static func hash(_ bytes: [UInt8]) -> Digest {
        bytes.withUnsafeBytes { hash($0) }
    }

    /// SHA-1 of `bytes`.
    public static func hash(_ bytes: ArraySlice<UInt8>) -> Digest {
        bytes.withUnsafeBytes { hash($0) }
    }

    /// SHA-1 of 20 bytes.
    public static func hash(_ digest: Digest) -> Digest {
        digest.withUnsafeBytes { hash($0) }
    }

    /// SHA-1 of two digests in a row, as TPM_Extend asks (Part 3, 16.1).
    public static func hash(_ first: Digest, _ second: Digest) -> Digest {
        let context = DigestContext.take()
        context.restart()
        first.withUnsafeBytes { context.update($0) }
        second.withUnsafeBytes { context.update($0) }
        let result = context.finish()
        context.giveBack()
        return result
    }

    /// SHA-1 of the parts in a row; integers are big-endian.
    public static func hash(_ parts: any HashInput...) -> Digest {
        let context = DigestContext.take()
        context.restart()
        for part in parts {
            part.withHashBytes { context.update($0) }
        }
        let result = context.finish()
        context.giveBack()
        return result
    }
}
