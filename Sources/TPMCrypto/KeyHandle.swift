import COpenSSL

/// An EVP_PKEY; never changed after it was made, so threads may share it.
final class KeyHandle: @unchecked Sendable {
    let key: OpaquePointer

    /// Takes over a key.
    init(_ key: OpaquePointer) { self.key = key }

    /// An RSA key from the parameter names of OpenSSL with big-endian values.
    init(selection: Int32, numbers: [(name: StaticString, value: Secret)]) throws(CryptoError) {
        guard let builder = OSSL_PARAM_BLD_new() else { throw CryptoError(what: "OSSL_PARAM_BLD_new") }
        var owned: [OpaquePointer] = []
        defer {
            OSSL_PARAM_BLD_free(builder)
            for number in owned { BN_clear_free(number) }
        }
        for (name, value) in numbers {
            // A secure BIGNUM makes the builder keep its copy in a block that is wiped.
            guard let number = BN_secure_new() else { throw CryptoError(what: "BN_secure_new") }
            owned.append(number)
            let pushed = value.withUnsafeBytes { bytes in
                BN_bin2bn(bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(clamping: bytes.count), number)
                    != nil && OSSL_PARAM_BLD_push_BN(builder, name.cString, number) == 1
            }
            guard pushed else { throw CryptoError(what: "RSA parameter") }
        }
        guard let parameters = OSSL_PARAM_BLD_to_param(builder) else { throw CryptoError(what: "RSA parameters") }
        defer { OSSL_PARAM_free(parameters) }
        guard let context = EVP_PKEY_CTX_new_from_name(Library.shared.context, "RSA", nil) else {
            throw CryptoError(what: "EVP_PKEY_CTX_new_from_name")
        }
        defer { EVP_PKEY_CTX_free(context) }
        var result: OpaquePointer?
        guard EVP_PKEY_fromdata_init(context) == 1,
            EVP_PKEY_fromdata(context, &result, selection, parameters) == 1, let result
        else {
            ERR_clear_error()
            throw CryptoError(what: "EVP_PKEY_fromdata")
        }
        key = result
    }

    deinit { EVP_PKEY_free(key) }

    /// A context for one operation on the key, freed after `body`; false if libcrypto refuses any step.
    func run(_ body: (OpaquePointer) -> Bool) -> Bool {
        guard let context = EVP_PKEY_CTX_new_from_pkey(Library.shared.context, key, nil) else { return false }
        defer { EVP_PKEY_CTX_free(context) }
        let done = body(context)
        if !done { ERR_clear_error() }
        return done
    }

    /// OAEP with SHA-256 and MGF1 of SHA-256, without a label, for both directions.
    static func chooseOAEPWithSHA256(_ context: OpaquePointer) -> Bool {
        EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1
            && EVP_PKEY_CTX_set_rsa_oaep_md_name(context, "SHA256", nil) == 1
            && EVP_PKEY_CTX_set_rsa_mgf1_md_name(context, "SHA256", nil) == 1
    }
}

extension StaticString {
    /// A pointer that stays valid, as OSSL_PARAM keeps the address of a name. The literal must not be empty.
    var cString: UnsafePointer<CChar> {
        UnsafeRawPointer(utf8Start).assumingMemoryBound(to: CChar.self)
    }
}
