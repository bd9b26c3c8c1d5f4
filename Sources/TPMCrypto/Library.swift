import COpenSSL
import Glibc

/// The OpenSSL library context of this module, with the algorithms fetched once.
///
/// The context reads no openssl.cnf, so a system policy against SHA-1 signatures has no effect on the TPM.
/// Every pointer is written once and the objects behind them are reference-counted and immutable.
final class Library: @unchecked Sendable {
    static let shared = Library()

    let context: OpaquePointer
    let sha1: OpaquePointer
    let ctr: CipherSet
    let ofb: CipherSet
    let cbc: CipherSet
    /// Key of the slot that holds the idle EVP_MD_CTX of a thread.
    let digestSlot: pthread_key_t

    /// One cipher mode for the three AES key sizes.
    struct CipherSet {
        let aes128: OpaquePointer
        let aes192: OpaquePointer
        let aes256: OpaquePointer

        /// The cipher for a key of `keyBytes` bytes; nil unless 16, 24 or 32.
        func cipher(keyBytes: Int) -> OpaquePointer? {
            switch keyBytes {
            case 16: aes128
            case 24: aes192
            case 32: aes256
            default: nil
            }
        }
    }

    private init() {
        // At the process's end libcrypto would free what a thread that makes keys still uses.
        guard OPENSSL_init_crypto(UInt64(OPENSSL_INIT_NO_ATEXIT), nil) == 1 else {
            libraryFailure("OPENSSL_init_crypto")
        }
        guard let context = OSSL_LIB_CTX_new() else { libraryFailure("OSSL_LIB_CTX_new") }
        guard OSSL_PROVIDER_load(context, "default") != nil else { libraryFailure("OSSL_PROVIDER_load") }
        guard let sha1 = EVP_MD_fetch(context, "SHA1", nil) else { libraryFailure("EVP_MD_fetch") }
        func cipher(_ name: String) -> OpaquePointer {
            guard let cipher = EVP_CIPHER_fetch(context, name, nil) else { libraryFailure("EVP_CIPHER_fetch") }
            return cipher
        }
        func set(_ mode: String) -> CipherSet {
            CipherSet(
                aes128: cipher("AES-128-\(mode)"), aes192: cipher("AES-192-\(mode)"),
                aes256: cipher("AES-256-\(mode)"))
        }
        self.context = context
        self.sha1 = sha1
        ctr = set("CTR")
        ofb = set("OFB")
        cbc = set("CBC")
        var key = pthread_key_t()
        let status = pthread_key_create(&key) { pointer in
            EVP_MD_CTX_free(OpaquePointer(pointer))
        }
        guard status == 0 else { libraryFailure("pthread_key_create") }
        digestSlot = key
    }
}

/// Ends the process: libcrypto is unusable (no memory, no default provider). Never reached through input.
func libraryFailure(_ what: StaticString) -> Never {
    fatalError("libcrypto: \(what) failed")
}
