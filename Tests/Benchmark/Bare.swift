import COpenSSL

/// OpenSSL by itself, with nothing of the project around it: what the commands that compute with RSA are held against.
final class BareRSA {
    private let key: OpaquePointer
    private let context: OpaquePointer
    private let block = [UInt8](repeating: 1, count: 35)
    private var signature = [UInt8](repeating: 0, count: 256)

    /// A new key of 2048 bits.
    init() throws {
        key = try Self.makeKey()
        guard let context = EVP_PKEY_CTX_new_from_pkey(nil, key, nil), EVP_PKEY_sign_init(context) == 1,
            EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1
        else { throw BenchmarkFailure(description: "OpenSSL cannot sign") }
        self.context = context
    }

    deinit {
        EVP_PKEY_CTX_free(context)
        EVP_PKEY_free(key)
    }

    /// The time of one signature over 35 bytes, the size of a DigestInfo of SHA-1.
    func privateOperation() throws -> Duration {
        var size = signature.count
        var status: Int32 = 0
        let duration = time { status = EVP_PKEY_sign(context, &signature, &size, block, block.count) }
        guard status == 1 else { throw BenchmarkFailure(description: "OpenSSL cannot sign") }
        return duration
    }

    /// The time that one key of 2048 bits takes.
    static func keyGeneration() throws -> Duration {
        var key: OpaquePointer?
        defer { EVP_PKEY_free(key) }
        return try time { key = try makeKey() }
    }

    private static func makeKey() throws -> OpaquePointer {
        let context = EVP_PKEY_CTX_new_from_name(nil, "RSA", nil)
        defer { EVP_PKEY_CTX_free(context) }
        var key: OpaquePointer?
        guard EVP_PKEY_keygen_init(context) == 1, EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2048) == 1,
            EVP_PKEY_generate(context, &key) == 1, let key
        else { throw BenchmarkFailure(description: "OpenSSL cannot make a key") }
        return key
    }
}
