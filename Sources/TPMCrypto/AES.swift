import COpenSSL

/// AES in the two stream modes of TPM 1.2, where encryption and decryption are the same, and in CBC mode, with keys of
/// 16, 24 or 32 bytes.
///
/// All functions throw on a key of another size, an IV that is not 16 bytes, or data of 2 GiB and more.
public enum AES {
    /// Size in bytes of a block and of an IV.
    public static let blockSize = 16

    /// CTR mode. Only the last 4 bytes of the counter block count, big-endian, and wrap without a carry.
    public static func ctr(key: Secret, iv: [UInt8], data: [UInt8]) throws(CryptoError) -> [UInt8] {
        try run(Library.shared.ctr, key: key, iv: iv, data: data, counts: true)
    }

    /// CTR mode, where the result is as secret as the data: no copy outside a `Secret`.
    public static func ctr(key: Secret, iv: [UInt8], data: Secret) throws(CryptoError) -> Secret {
        let cipher = try check(Library.shared.ctr, key: key, iv: iv, count: data.count)
        var done = false
        let result = Secret(count: data.count) { target in
            done = data.withUnsafeBytes { stream(cipher, key: key, iv: iv, from: $0, to: target, counts: true) }
        }
        guard done else { throw CryptoError(what: "AES") }
        return result
    }

    /// OFB mode with 128-bit feedback.
    public static func ofb(key: Secret, iv: [UInt8], data: [UInt8]) throws(CryptoError) -> [UInt8] {
        try run(Library.shared.ofb, key: key, iv: iv, data: data, counts: false)
    }

    /// CBC mode over whole blocks, after a padding of 1 to 16 bytes (PKCS #7), each of which holds their number.
    public static func encryptCBC(key: Secret, iv: [UInt8], data: Secret) throws(CryptoError) -> [UInt8] {
        let padding = blockSize - data.count % blockSize
        let padded = Secret(count: data.count + padding) { target in
            data.withUnsafeBytes { target.copyMemory(from: $0) }
            for offset in data.count..<target.count { target[offset] = UInt8(padding) }
        }
        return try cbc(key: key, iv: iv, from: padded, encrypts: true).bytes
    }

    /// The opposite of ``encryptCBC(key:iv:data:)``. It throws on data without a padding; whoever cares who made the data
    /// authenticates it first.
    public static func decryptCBC(key: Secret, iv: [UInt8], data: [UInt8]) throws(CryptoError) -> Secret {
        guard !data.isEmpty, data.count % blockSize == 0 else { throw CryptoError(what: "AES data size") }
        let padded = try cbc(key: key, iv: iv, from: Secret(data), encrypts: false)
        let plain: Secret? = padded.withUnsafeBytes { bytes in
            guard let padding = bytes.last, (1...UInt8(blockSize)).contains(padding),
                bytes.suffix(Int(padding)).allSatisfy({ $0 == padding })
            else { return nil }
            return Secret(UnsafeRawBufferPointer(rebasing: bytes.dropLast(Int(padding))))
        }
        guard let plain else { throw CryptoError(what: "AES padding") }
        return plain
    }

    private static func cbc(key: Secret, iv: [UInt8], from data: Secret, encrypts: Bool) throws(CryptoError) -> Secret {
        let cipher = try check(Library.shared.cbc, key: key, iv: iv, count: data.count)
        guard let context = EVP_CIPHER_CTX_new() else { throw CryptoError(what: "AES") }
        defer { EVP_CIPHER_CTX_free(context) }
        let started = key.withUnsafeBytes { key in
            EVP_CipherInit_ex2(
                context, cipher, key.baseAddress?.assumingMemoryBound(to: UInt8.self), iv, encrypts ? 1 : 0, nil)
        }
        guard started == 1, EVP_CIPHER_CTX_set_padding(context, 0) == 1 else { throw CryptoError(what: "AES") }
        var written: Int32 = 0
        let result = Secret(count: data.count) { target in
            let status = data.withUnsafeBytes { source in
                EVP_CipherUpdate(
                    context, target.baseAddress?.assumingMemoryBound(to: UInt8.self), &written,
                    source.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(source.count))
            }
            if status != 1 { written = -1 }
        }
        guard Int(written) == data.count else { throw CryptoError(what: "AES") }
        return result
    }

    private static func run(
        _ set: Library.CipherSet, key: Secret, iv: [UInt8], data: [UInt8], counts: Bool
    ) throws(CryptoError) -> [UInt8] {
        let cipher = try check(set, key: key, iv: iv, count: data.count)
        var result = [UInt8](repeating: 0, count: data.count)
        let done = data.withUnsafeBytes { source in
            result.withUnsafeMutableBytes { stream(cipher, key: key, iv: iv, from: source, to: $0, counts: counts) }
        }
        guard done else { throw CryptoError(what: "AES") }
        return result
    }

    private static func check(
        _ set: Library.CipherSet, key: Secret, iv: [UInt8], count: Int
    ) throws(CryptoError) -> OpaquePointer {
        guard let cipher = set.cipher(keyBytes: key.count) else { throw CryptoError(what: "AES key size") }
        guard iv.count == blockSize else { throw CryptoError(what: "AES IV size") }
        guard count < Int(Int32.max) else { throw CryptoError(what: "AES data size") }
        return cipher
    }

    /// Runs the cipher from one buffer into another of the same size; false if libcrypto fails.
    ///
    /// - Parameter counts: the IV holds a 32-bit counter. libcrypto would carry into the upper 96 bits, so the run
    ///   is cut where the counter wraps.
    private static func stream(
        _ cipher: OpaquePointer, key: Secret, iv: [UInt8], from source: UnsafeRawBufferPointer,
        to target: UnsafeMutableRawBufferPointer, counts: Bool
    ) -> Bool {
        guard let context = EVP_CIPHER_CTX_new() else { return false }
        defer { EVP_CIPHER_CTX_free(context) }
        let counter = iv.suffix(4).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let blocksToWrap = (UInt64(1) << 32) - counter
        let first = counts ? Int(min(UInt64(source.count), blocksToWrap * UInt64(blockSize))) : source.count
        func part(_ range: Range<Int>, iv: [UInt8]) -> Bool {
            guard !range.isEmpty else { return true }
            let from = UnsafeRawBufferPointer(rebasing: source[range]).baseAddress
            let to = UnsafeMutableRawBufferPointer(rebasing: target[range]).baseAddress
            let started = key.withUnsafeBytes { key in
                EVP_EncryptInit_ex2(context, cipher, key.baseAddress?.assumingMemoryBound(to: UInt8.self), iv, nil)
            }
            var written: Int32 = 0
            return started == 1
                && EVP_EncryptUpdate(
                    context, to?.assumingMemoryBound(to: UInt8.self), &written,
                    from?.assumingMemoryBound(to: UInt8.self), Int32(range.count)) == 1
                && Int(written) == range.count
        }
        return part(0..<first, iv: iv) && part(first..<source.count, iv: iv.prefix(12) + [0, 0, 0, 0])
    }
}
