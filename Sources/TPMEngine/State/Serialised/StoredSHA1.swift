import TPMCrypto
import TPMWire

/// A SHA-1 under way as bytes: the five words of the chaining value, how many bytes were hashed, and those of the
/// block that is not full yet, whose number follows from the count.
struct StoredSHA1: WireStructure {
    var parts = SHA1().parts

    init() {}

    init(_ hash: SHA1) { parts = hash.parts }

    /// TPM_BAD_PARAMETER when no hash can come to these parts.
    func loaded() throws(TPMResult) -> SHA1 {
        guard let hash = SHA1(parts) else { throw .badParameter }
        return hash
    }

    mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.digest("chain", &parts.chain)
        try coder.uint64("count", &parts.count)
        try coder.secret("pending", &parts.pending, count: Int(parts.count % 64))
    }
}
