import COpenSSL

/// AES-256 in Galois/Counter Mode (NIST SP 800-38D), with an IV of 96 bits and a tag of 128.
///
/// All functions throw on a key that is not 32 bytes, an IV that is not 12, or data of 2 GiB and more.
public enum AESGCM {
    /// Sizes in bytes.
    public static let keySize = 32
    public static let ivSize = 12
    public static let tagSize = 16

    /// The ciphertext, as long as the data, and the tag.
    ///
    /// - Parameters:
    ///   - iv: never the same twice under one key.
    ///   - additional: what ``open(_:key:iv:additional:)`` has to be given again; it is authenticated and not in the result.
    public static func seal(
        _ data: Secret, key: Secret, iv: [UInt8], additional: [UInt8]
    ) throws(CryptoError) -> [UInt8] {
        try check(key: key, iv: iv, sizes: data.count, additional.count)
        var sealed = [UInt8](repeating: 0, count: data.count + tagSize)
        let isDone = sealed.withUnsafeMutableBytes { target in
            data.withUnsafeBytes { source in
                withContext(EVP_EncryptInit_ex2, key: key, iv: iv) { context in
                    let tag = UnsafeMutableRawBufferPointer(rebasing: target[source.count...])
                    return additional.withUnsafeBytes { update(context, $0, into: nil, EVP_EncryptUpdate) }
                        && update(context, source, into: target.baseAddress, EVP_EncryptUpdate)
                        && finish(context, EVP_EncryptFinal_ex)
                        && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(tagSize), tag.baseAddress) == 1
                }
            }
        }
        guard isDone else { throw CryptoError(what: "AES-GCM") }
        return sealed
    }

    /// The data; throws unless the ciphertext, the tag and the additional data are those of one call of
    /// ``seal(_:key:iv:additional:)`` with this key and IV.
    public static func open(
        _ sealed: [UInt8], key: Secret, iv: [UInt8], additional: [UInt8]
    ) throws(CryptoError) -> Secret {
        guard sealed.count >= tagSize else { throw CryptoError(what: "AES-GCM tag") }
        try check(key: key, iv: iv, sizes: sealed.count, additional.count)
        var (cipher, tag) = (sealed.dropLast(tagSize), Array(sealed.suffix(tagSize)))
        var isDone = false
        let data = Secret(count: cipher.count) { target in
            isDone = cipher.withUnsafeMutableBytes { source in
                withContext(EVP_DecryptInit_ex2, key: key, iv: iv) { context in
                    additional.withUnsafeBytes { update(context, $0, into: nil, EVP_DecryptUpdate) }
                        && update(context, UnsafeRawBufferPointer(source), into: target.baseAddress, EVP_DecryptUpdate)
                        && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Int32(tagSize), &tag) == 1
                        && finish(context, EVP_DecryptFinal_ex)
                }
            }
        }
        guard isDone else { throw CryptoError(what: "AES-GCM tag") }
        return data
    }

    // MARK: libcrypto

    private typealias Start = (
        OpaquePointer?, OpaquePointer?, UnsafePointer<UInt8>?, UnsafePointer<UInt8>?, UnsafePointer<OSSL_PARAM>?
    ) -> Int32
    private typealias Update = (
        OpaquePointer?, UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<Int32>?, UnsafePointer<UInt8>?, Int32
    ) -> Int32
    private typealias Finish = (OpaquePointer?, UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<Int32>?) -> Int32

    /// Fetched once; it is counted by reference and never changed.
    nonisolated(unsafe) private static let cipher: OpaquePointer = {
        guard let cipher = EVP_CIPHER_fetch(Library.shared.context, "AES-256-GCM", nil) else {
            libraryFailure("EVP_CIPHER_fetch")
        }
        return cipher
    }()

    private static func check(key: Secret, iv: [UInt8], sizes: Int...) throws(CryptoError) {
        guard key.count == keySize else { throw CryptoError(what: "AES key size") }
        guard iv.count == ivSize else { throw CryptoError(what: "AES IV size") }
        guard sizes.allSatisfy({ $0 < Int(Int32.max) - tagSize }) else { throw CryptoError(what: "AES data size") }
    }

    /// False when libcrypto fails, or `body` says so.
    private static func withContext(_ start: Start, key: Secret, iv: [UInt8], _ body: (OpaquePointer) -> Bool) -> Bool {
        guard let context = EVP_CIPHER_CTX_new() else { return false }
        defer { EVP_CIPHER_CTX_free(context) }
        let status = key.withUnsafeBytes { key in
            start(context, cipher, key.baseAddress?.assumingMemoryBound(to: UInt8.self), iv, nil)
        }
        return status == 1 && body(context)
    }

    private static func update(
        _ context: OpaquePointer, _ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawPointer?,
        _ update: Update
    ) -> Bool {
        guard !source.isEmpty else { return true }
        var written: Int32 = 0
        let from = source.baseAddress?.assumingMemoryBound(to: UInt8.self)
        let to = target?.assumingMemoryBound(to: UInt8.self)
        return update(context, to, &written, from, Int32(source.count)) == 1 && Int(written) == source.count
    }

    /// GCM leaves nothing to be written at the end.
    private static func finish(_ context: OpaquePointer, _ finish: Finish) -> Bool {
        var (rest, written): (UInt8, Int32) = (0, 0)
        return finish(context, &rest, &written) == 1 && written == 0
    }
}
