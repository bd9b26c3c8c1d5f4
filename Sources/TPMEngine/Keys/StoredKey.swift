import TPMCrypto
import TPMWire

/// A loaded key as bytes, for contexts and for the saved state: the public part, TPM_STORE_ASYMKEY in the clear, and
/// what the TPM remembers of it besides.
///
/// Whoever writes one encrypts it, or keeps it where the TPM's other secrets are.
struct StoredKey: WireStructure, Equatable {
    /// More than the encoding of the largest key takes, in bytes.
    static let capacity = 2048

    var key = Key()
    var sensitive = StoreAsymkey()
    var parentPCRStatus = false

    init() {}

    init(_ loaded: LoadedKey) throws(TPMResult) {
        key = loaded.key
        sensitive = try loaded.sensitivePart()
        parentPCRStatus = loaded.parentPCRStatus
    }

    /// The key ready for use again.
    ///
    /// TPM_BAD_KEY_PROPERTY when the modulus is not of the size that the parameters say, TPM_BAD_PARAMETER when the
    /// private part does not belong to it (Part 3, 10.5 action 7.a).
    func loaded() throws(TPMResult) -> LoadedKey {
        let (bits, exponent) = try key.algorithmParms.rsaSize()
        guard key.pubKey.key.count == bits / 8 else { throw .badKeyProperty }
        do throws(CryptoError) {
            return LoadedKey(
                key: key, payload: sensitive.payload, usageAuth: sensitive.usageAuth,
                migrationAuth: sensitive.migrationAuth,
                privateKey: try RSAPrivateKey(
                    modulus: key.pubKey.key, exponent: exponent, prime: sensitive.privKey.key),
                parentPCRStatus: parentPCRStatus)
        } catch {
            throw .badParameter
        }
    }

    mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.structure("key", &key)
        try coder.structure("sensitive", &sensitive)
        try coder.bool("parentPCRStatus", &parentPCRStatus)
    }
}
