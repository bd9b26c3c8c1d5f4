/// The encoding EME-OAEP with SHA-1 and MGF1 (PKCS #1 v2.0, 9.1.1) without an RSA operation: a masked seed of 20 bytes
/// and a masked data block.
///
/// RSA encrypts such a block behind a byte 0. A key that migrates is encoded once more before that, with a seed and in
/// place of the label's hash a secret that the receiver wants back (TPM 1.2 Part 3, 11.1), so both come out again.
public enum OAEP {
    /// What the encoding takes besides the message, in bytes: the seed, the label's hash and the byte that ends the
    /// padding.
    public static let overhead = 2 * Digest.byteCount + 1

    /// What an encoded block held.
    public struct Decoded: Sendable {
        /// 20 bytes.
        public let seed: Secret
        /// 20 bytes: whatever was given, for there is nothing to hold it against.
        public let labelHash: Secret
        public let message: Secret
    }

    /// The block of `size` bytes, or of the fewest that hold the message.
    ///
    /// Throws unless the seed and the label's hash have 20 bytes each and the message fits.
    public static func encode(
        _ message: Secret, labelHash: Secret, seed: Secret, size: Int? = nil
    ) throws(CryptoError) -> Secret {
        let size = size ?? message.count + overhead
        guard seed.count == Digest.byteCount, labelHash.count == Digest.byteCount,
            message.count <= size - overhead, size <= MGF1.maximumCount
        else { throw CryptoError(what: "OAEP encoding size") }
        return Secret(count: size) { encode(message, labelHash: labelHash, seed: seed, into: $0) }
    }

    /// Fills a block of zeros whose size was checked.
    static func encode(
        _ message: Secret, labelHash: Secret, seed: Secret, into block: UnsafeMutableRawBufferPointer
    ) {
        let seedPart = UnsafeMutableRawBufferPointer(rebasing: block[..<Digest.byteCount])
        let data = UnsafeMutableRawBufferPointer(rebasing: block[Digest.byteCount...])
        labelHash.withUnsafeBytes { data.copyMemory(from: $0) }
        data[data.count - message.count - 1] = 1
        message.withUnsafeBytes { bytes in
            UnsafeMutableRawBufferPointer(rebasing: data[(data.count - bytes.count)...]).copyMemory(from: bytes)
        }
        MGF1.xor(seed: seed, into: data)
        seed.withUnsafeBytes { seedPart.copyMemory(from: $0) }
        MGF1.xor(seed: Secret(UnsafeRawBufferPointer(data)), into: seedPart)
    }

    /// What a block of any size holds; throws when it is too short or its padding is not that of an encoding.
    public static func decode(_ block: Secret) throws(CryptoError) -> Decoded {
        guard (overhead...MGF1.maximumCount).contains(block.count) else {
            throw CryptoError(what: "OAEP decoding size")
        }
        let hashSize = Digest.byteCount
        let maskedData = block.dropFirst(hashSize)
        let seed = Secret(count: hashSize) { target in
            block.prefix(hashSize).withUnsafeBytes { target.copyMemory(from: $0) }
            MGF1.xor(seed: maskedData, into: target)
        }
        let data = Secret(count: maskedData.count) { target in
            maskedData.withUnsafeBytes { target.copyMemory(from: $0) }
            MGF1.xor(seed: seed, into: target)
        }
        let end = data.withUnsafeBytes { bytes -> Int? in
            guard let end = bytes.dropFirst(hashSize).firstIndex(where: { $0 != 0 }) else { return nil }
            return bytes[end] == 1 ? end : nil
        }
        guard let end else { throw CryptoError(what: "OAEP padding") }
        return Decoded(seed: seed, labelHash: data.prefix(hashSize), message: data.dropFirst(end + 1))
    }
}
