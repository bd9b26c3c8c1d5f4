import COpenSSL

/// SHA-256 (FIPS 180-4), which TPM 1.2 does not know, but TPM 2.0 and what is kept beside a TPM use.
public enum SHA256 {
    /// Size in bytes of a digest.
    public static let byteCount = 32

    /// SHA-256 of the parts in a row; integers are big-endian.
    public static func hash(_ parts: any HashInput...) -> [UInt8] {
        guard let context = EVP_MD_CTX_new() else { libraryFailure("EVP_MD_CTX_new") }
        defer { EVP_MD_CTX_free(context) }
        guard EVP_DigestInit_ex2(context, algorithm, nil) == 1 else { libraryFailure("EVP_DigestInit_ex2") }
        for part in parts {
            part.withHashBytes { bytes in
                guard EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1 else {
                    libraryFailure("EVP_DigestUpdate")
                }
            }
        }
        var digest = [UInt8](repeating: 0, count: byteCount)
        guard EVP_DigestFinal_ex(context, &digest, nil) == 1 else { libraryFailure("EVP_DigestFinal_ex") }
        return digest
    }

    /// Fetched once; it is counted by reference and never changed.
    nonisolated(unsafe) private static let algorithm: OpaquePointer = {
        guard let digest = EVP_MD_fetch(Library.shared.context, "SHA256", nil) else {
            libraryFailure("EVP_MD_fetch")
        }
        return digest
    }()
}
