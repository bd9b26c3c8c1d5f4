import COpenSSL

/// An RSA public key of 512 to 4096 bits.
public final class RSAPublicKey: Sendable {
    /// Size in bytes of the modulus, and so of ciphertexts and signatures.
    public let modulusSize: Int
    public let modulus: [UInt8]
    public let exponent: UInt32
    let handle: KeyHandle

    /// The label of OAEP in TPM 1.2 (Part 1, 31.1.1).
    static let oaepLabel: [UInt8] = Array("TCPA".utf8)

    /// Takes a big-endian modulus without zeros in front; throws on 0 first, an even modulus, a size outside
    /// 64...512 bytes, or an exponent that is even or below 3.
    public convenience init(modulus: [UInt8], exponent: UInt32) throws(CryptoError) {
        try Self.check(modulus: modulus, exponent: exponent)
        self.init(
            modulus: modulus, exponent: exponent,
            handle: try KeyHandle(
                selection: vtpm_pkey_public,
                numbers: [
                    ("n", Secret(modulus)),
                    ("e", BigInteger(UInt(exponent)).secret(count: 4)),
                ]))
    }

    /// Takes numbers that passed `check`. A private key shares its handle with its public key: that is cheaper to
    /// load and to keep than two.
    init(modulus: [UInt8], exponent: UInt32, handle: KeyHandle) {
        self.modulus = modulus
        self.exponent = exponent
        self.handle = handle
        modulusSize = modulus.count
    }

    /// Throws what the public initialiser throws.
    static func check(modulus: [UInt8], exponent: UInt32) throws(CryptoError) {
        guard (64...512).contains(modulus.count), let first = modulus.first, first != 0 else {
            throw CryptoError(what: "RSA modulus size")
        }
        guard let last = modulus.last, last % 2 == 1 else { throw CryptoError(what: "RSA modulus even") }
        guard exponent >= 3, exponent % 2 == 1 else { throw CryptoError(what: "RSA exponent") }
    }

    /// EME-OAEP with SHA-1, MGF1 and the label "TCPA"; throws if the message exceeds modulusSize - 42 bytes.
    public func encryptOAEP(
        _ message: Secret, random: some RandomSource = SystemRandom()
    ) throws(CryptoError) -> [UInt8] {
        guard message.count <= modulusSize - 1 - OAEP.overhead else { throw CryptoError(what: "OAEP message size") }
        let seed = try random.secret(count: Digest.byteCount)
        let block = Secret(count: modulusSize) { block in
            OAEP.encode(
                message, labelHash: Secret(SHA1.hash(Self.oaepLabel)), seed: seed,
                into: UnsafeMutableRawBufferPointer(rebasing: block[1...]))
        }
        return try raw(block)
    }

    /// EME-OAEP with SHA-256 and MGF1 of SHA-256, without a label; throws if the message exceeds modulusSize - 66 bytes.
    public func encryptOAEPWithSHA256(_ message: Secret) throws(CryptoError) -> [UInt8] {
        guard message.count <= modulusSize - 2 * SHA256.byteCount - 2 else {
            throw CryptoError(what: "OAEP message size")
        }
        return try encrypt(message, prepare: KeyHandle.chooseOAEPWithSHA256)
    }

    /// PKCS #1 v1.5 type 2; throws if the message exceeds modulusSize - 11 bytes.
    public func encryptPKCS1(
        _ message: Secret, random: some RandomSource = SystemRandom()
    ) throws(CryptoError) -> [UInt8] {
        guard message.count <= modulusSize - 11 else { throw CryptoError(what: "PKCS1 message size") }
        var padding = try random.bytes(count: modulusSize - 3 - message.count)
        for index in padding.indices {
            var tries = 0
            while padding[index] == 0 {
                guard tries < 1000 else { throw CryptoError(what: "PKCS1 padding") }
                tries += 1
                padding[index] = UInt8(truncatingIfNeeded: try random.uint32())
            }
        }
        let block = Secret(count: modulusSize) { block in
            block[1] = 2
            UnsafeMutableRawBufferPointer(rebasing: block[2...]).copyBytes(from: padding)
            message.withUnsafeBytes { bytes in
                UnsafeMutableRawBufferPointer(rebasing: block[(block.count - bytes.count)...]).copyMemory(from: bytes)
            }
        }
        return try raw(block)
    }

    /// Whether `signature` is PKCS #1 v1.5 type 1 over exactly `digestInfo`; false on any wrong size.
    public func verifyPKCS1(digestInfo: [UInt8], signature: [UInt8]) -> Bool {
        guard signature.count == modulusSize else { return false }
        return handle.run { context in
            EVP_PKEY_verify_init(context) == 1
                && EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1
                && EVP_PKEY_verify(context, signature, signature.count, digestInfo, digestInfo.count) == 1
        }
    }

    /// The public operation on a block of modulusSize bytes that starts with 0.
    private func raw(_ block: Secret) throws(CryptoError) -> [UInt8] {
        try encrypt(block) { EVP_PKEY_CTX_set_rsa_padding($0, RSA_NO_PADDING) == 1 }
    }

    private func encrypt(_ message: Secret, prepare: (OpaquePointer) -> Bool) throws(CryptoError) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: modulusSize)
        var size = result.count
        let done = handle.run { context in
            message.withUnsafeBytes { source in
                EVP_PKEY_encrypt_init(context) == 1 && prepare(context)
                    && EVP_PKEY_encrypt(
                        context, &result, &size, source.baseAddress?.assumingMemoryBound(to: UInt8.self),
                        source.count) == 1
            }
        }
        guard done, size == modulusSize else { throw CryptoError(what: "RSA encryption") }
        return result
    }
}
