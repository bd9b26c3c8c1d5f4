import COpenSSL

/// AES in the two stream modes of TPM 1.2, with keys of 16, 24 or 32 bytes.
public enum AES {
    /// Size in bytes of a block and of an IV.
    public static let blockSize = 16

    /// CTR mode; encryption and decryption are the same. Only the last 4 bytes of the counter block count,
    /// big-endian, and wrap without a carry. Throws on a wrong key or IV size.
    public static func ctr(key: Secret, iv: [UInt8], data: [UInt8]) throws(CryptoError) -> [UInt8] {
        let cipher = try check(Library.shared.ctr, key: key, iv: iv, data: data)
        var counter = iv
        var low = iv.suffix(4).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        var result = [UInt8](repeating: 0, count: data.count)
        var offset = 0
        // libcrypto carries into the upper 96 bits, so each run ends where the low 32 bits wrap.
        while offset < data.count {
            let blocksLeft = (UInt64(1) << 32) - low
            let run = Int(min(UInt64(data.count - offset), blocksLeft * UInt64(blockSize)))
            try stream(cipher, key: key, iv: counter, data: data, result: &result, range: offset..<offset + run)
            offset += run
            low = 0
            counter = iv.prefix(12) + [0, 0, 0, 0]
        }
        return result
    }

    /// OFB mode with 128-bit feedback; encryption and decryption are the same. Throws on a wrong key or IV size.
    public static func ofb(key: Secret, iv: [UInt8], data: [UInt8]) throws(CryptoError) -> [UInt8] {
        let cipher = try check(Library.shared.ofb, key: key, iv: iv, data: data)
        var result = [UInt8](repeating: 0, count: data.count)
        try stream(cipher, key: key, iv: iv, data: data, result: &result, range: 0..<data.count)
        return result
    }

    private static func check(
        _ set: Library.CipherSet, key: Secret, iv: [UInt8], data: [UInt8]
    ) throws(CryptoError) -> OpaquePointer {
        guard let cipher = set.cipher(keyBytes: key.count) else { throw CryptoError(what: "AES key size") }
        guard iv.count == blockSize else { throw CryptoError(what: "AES IV size") }
        guard data.count < Int(Int32.max) else { throw CryptoError(what: "AES data size") }
        return cipher
    }

    /// Runs the cipher over `range`, which lies within `data` and `result`.
    private static func stream(
        _ cipher: OpaquePointer, key: Secret, iv: [UInt8], data: [UInt8], result: inout [UInt8], range: Range<Int>
    ) throws(CryptoError) {
        guard !range.isEmpty else { return }
        guard let context = EVP_CIPHER_CTX_new() else { throw CryptoError(what: "EVP_CIPHER_CTX_new") }
        defer { EVP_CIPHER_CTX_free(context) }
        let started = key.withUnsafeBytes { key in
            EVP_EncryptInit_ex2(context, cipher, key.baseAddress?.assumingMemoryBound(to: UInt8.self), iv, nil)
        }
        guard started == 1 else { throw CryptoError(what: "EVP_EncryptInit_ex2") }
        var written: Int32 = 0
        let done = data[range].withUnsafeBufferPointer { source in
            result[range].withUnsafeMutableBufferPointer { target in
                EVP_EncryptUpdate(context, target.baseAddress, &written, source.baseAddress, Int32(source.count))
            }
        }
        guard done == 1, Int(written) == range.count else { throw CryptoError(what: "EVP_EncryptUpdate") }
    }
}
