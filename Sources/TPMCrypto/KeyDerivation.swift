import COpenSSL

/// Keys from what a person or another program gives.
public enum KeyDerivation {
    // OSSL_PARAM keeps the addresses of names.
    private static let digestName: StaticString = "digest"
    private static let passwordName: StaticString = "pass"
    private static let saltName: StaticString = "salt"
    private static let iterationsName: StaticString = "iter"
    private static let sha512Name: StaticString = "SHA512"

    /// PBKDF2 (RFC 8018, 5.2) with HMAC-SHA-512.
    ///
    /// - Parameter iterations: at least 1.
    public static func pbkdf2(
        passphrase: Secret, salt: [UInt8], iterations: UInt32, count: Int
    ) throws(CryptoError) -> Secret {
        guard let function = EVP_KDF_fetch(Library.shared.context, "PBKDF2", nil) else {
            throw CryptoError(what: "PBKDF2")
        }
        defer { EVP_KDF_free(function) }
        guard let context = EVP_KDF_CTX_new(function) else { throw CryptoError(what: "PBKDF2") }
        defer { EVP_KDF_CTX_free(context) }
        var (salt, iterations) = (salt, iterations)
        var status: Int32 = 0
        let key = Secret(count: count) { target in
            passphrase.withUnsafeBytes { passphrase in
                salt.withUnsafeMutableBytes { salt in
                    withUnsafeMutablePointer(to: &iterations) { iterations in
                        // libcrypto writes to none of them.
                        let digest = UnsafeMutablePointer(mutating: sha512Name.cString)
                        let password = UnsafeMutableRawPointer(mutating: passphrase.baseAddress)
                        let parameters = [
                            OSSL_PARAM_construct_utf8_string(digestName.cString, digest, 0),
                            OSSL_PARAM_construct_octet_string(passwordName.cString, password, passphrase.count),
                            OSSL_PARAM_construct_octet_string(saltName.cString, salt.baseAddress, salt.count),
                            OSSL_PARAM_construct_uint32(iterationsName.cString, iterations),
                            OSSL_PARAM_construct_end(),
                        ]
                        let start = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
                        status = EVP_KDF_derive(context, start, target.count, parameters)
                    }
                }
            }
        }
        guard status == 1 else { throw CryptoError(what: "PBKDF2") }
        return key
    }

    /// The 64 bytes of the SHA-512 (FIPS 180-4) of a secret.
    public static func sha512(_ secret: Secret) throws(CryptoError) -> Secret {
        var length = 0
        let hash = Secret(count: 64) { target in
            let start = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
            _ = secret.withUnsafeBytes { bytes in
                EVP_Q_digest(
                    Library.shared.context, "SHA512", nil, bytes.baseAddress, bytes.count, start, &length)
            }
        }
        guard length == 64 else { throw CryptoError(what: "SHA-512") }
        return hash
    }
}
