import COpenSSL

/// Incremental SHA-1 (FIPS 180-4) as a value: a copy is a fork, and the last one to die is wiped.
public struct SHA1: Sendable {
    private var box: Box

    /// Written only while one value refers to it.
    private final class Box: @unchecked Sendable {
        var context = SHA_CTX()

        init() {
            guard SHA1_Init(&context) == 1 else { libraryFailure("SHA1_Init") }
        }

        init(copying other: Box) { context = other.context }

        deinit { withUnsafeMutableBytes(of: &context) { OPENSSL_cleanse($0.baseAddress, $0.count) } }
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
        guard SHA1_Update(&box.context, bytes.baseAddress, bytes.count) == 1 else { libraryFailure("SHA1_Update") }
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
        // SHA1_Final wipes the block of the copy, and leaves the digest in it.
        var scratch = box.context
        var result = Digest()
        let status = result.withUnsafeMutableBytes { target in
            SHA1_Final(target.baseAddress?.assumingMemoryBound(to: UInt8.self), &scratch)
        }
        guard status == 1 else { libraryFailure("SHA1_Final") }
        return result
    }
}

// MARK: - Parts

extension SHA1 {
    /// A hash under way taken apart, to be gone on with elsewhere.
    public struct Parts: Sendable, Equatable {
        /// The five words of the chaining value, big-endian.
        public var chain: Digest
        /// How many bytes were hashed so far, less than 2^61.
        public var count: UInt64
        /// The last `count % 64` of them, which do not fill a block yet.
        public var pending: Secret

        public init(chain: Digest, count: UInt64, pending: Secret) {
            self.chain = chain
            self.count = count
            self.pending = pending
        }
    }

    /// FIPS 180-4 counts the bits in 64 bits.
    private static let maximumCount = UInt64.max >> 3

    public var parts: Parts {
        let context = box.context
        var chain = Digest()
        chain.withUnsafeMutableBytes { target in
            let words = [context.h0, context.h1, context.h2, context.h3, context.h4].map(\.bigEndian)
            words.withUnsafeBytes { target.copyMemory(from: $0) }
        }
        let count = (UInt64(context.Nh) << 32 | UInt64(context.Nl)) >> 3
        let pending = withUnsafeBytes(of: context.data) {
            Secret(UnsafeRawBufferPointer(rebasing: $0.prefix(Int(context.num))))
        }
        return Parts(chain: chain, count: count, pending: pending)
    }

    /// Goes on with a hash; nil when the parts are none of one.
    public init?(_ parts: Parts) {
        self.init()
        guard parts.count <= Self.maximumCount, parts.count % 64 == UInt64(parts.pending.count) else { return nil }
        // Before the first whole block the chaining value is the one that every hash begins with.
        guard parts.count >= 64 || parts.chain == self.parts.chain else { return nil }
        let words = parts.chain.withUnsafeBytes { bytes in
            (0..<5).map { UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self)) }
        }
        (box.context.h0, box.context.h1, box.context.h2) = (words[0], words[1], words[2])
        (box.context.h3, box.context.h4) = (words[3], words[4])
        let bits = parts.count << 3
        box.context.Nl = UInt32(truncatingIfNeeded: bits)
        box.context.Nh = UInt32(truncatingIfNeeded: bits >> 32)
        box.context.num = UInt32(parts.pending.count)
        withUnsafeMutableBytes(of: &box.context.data) { data in
            parts.pending.withUnsafeBytes { data.copyMemory(from: $0) }
        }
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
