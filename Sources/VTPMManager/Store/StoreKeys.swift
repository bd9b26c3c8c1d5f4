import Foundation
import TPMCrypto

/// The keys of a store that are made from its integrity key.
struct StoreKeys: Sendable {
    /// Bytes of every key.
    static let size = 32

    /// Makes the codes of rows.
    let rows: Secret
    /// Makes an HMAC of their sum.
    let contents: Secret
    /// Authenticates the entries of the chain.
    let chain: Secret
    /// Encrypts what has to be read while the groups are closed.
    let notes: Secret
    /// Tells whether an integrity key is the right one.
    let check: [UInt8]

    init(integrityKey: Secret, store: UUID) {
        func key(_ use: String) -> Secret { SHA256.deriveKey(from: integrityKey, Array(use.utf8) + store.bytes) }
        rows = key("vtpm store rows")
        contents = key("vtpm store contents")
        chain = key("vtpm store chain")
        notes = key("vtpm store notes")
        check = SHA256.authenticate(key: key("vtpm store check"), [])
    }
}

extension UUID {
    /// The 16 bytes, in the order in which they are printed.
    var bytes: [UInt8] { withUnsafeBytes(of: uuid) { Array($0) } }

    /// Nil unless there are 16 bytes.
    init?(bytes: some Collection<UInt8>) {
        var value: uuid_t = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        guard bytes.count == 16 else { return nil }
        withUnsafeMutableBytes(of: &value) { $0.copyBytes(from: bytes) }
        self.init(uuid: value)
    }
}

extension Int64 {
    /// The 8 bytes, most significant first.
    var bytes: [UInt8] { withUnsafeBytes(of: bigEndian) { Array($0) } }
}
