import Foundation
import TPMCrypto

/// What encrypted bytes are: they open as nothing else.
struct Label {
    enum Kind: UInt8 {
        case permanent = 1
        case volatile = 2
        case settings = 3
        case guestKey = 16
        case groupCheck = 17
        case policy = 18
        case details = 19
        case event = 20
    }

    let kind: Kind
    /// The guest, or the group.
    let owner: UUID
    /// Never the same twice for one kind and owner.
    let version: Int64

    fileprivate var bytes: [UInt8] { [Sealing.format, kind.rawValue] + owner.bytes + version.bytes }
}

/// Encryption of one value of the store.
///
/// | bytes | what |
/// |---|---|
/// | 1 | format, 1 |
/// | 12 | IV, random |
/// | n | AES-256-GCM ciphertext; additional data are format, kind, owner and version |
/// | 16 | tag |
///
/// The AES key is an HMAC-SHA-256 of the additional data under the key of the guest, or of whoever owns the value. So
/// no AES key encrypts a second version, and the limit of 2^32 random IVs for a key (NIST SP 800-38D, 8.3) is no limit
/// of how often a guest may write.
enum Sealing {
    fileprivate static let format: UInt8 = 1
    /// How many bytes encryption adds.
    static let overhead = 1 + AESGCM.ivSize + AESGCM.tagSize

    static func seal(_ plain: Secret, under key: Secret, as label: Label) throws(StoreFailure) -> [UInt8] {
        do throws(CryptoError) {
            let iv = try SystemRandom().bytes(count: AESGCM.ivSize)
            let context = label.bytes
            var sealed = [format]
            sealed.reserveCapacity(overhead + plain.count)
            sealed += iv
            sealed += try AESGCM.seal(plain, key: aesKey(key, context), iv: iv, additional: context)
            return sealed
        } catch { throw .cryptography(error.what) }
    }

    /// Nil when the bytes are not what was sealed under this key as this.
    static func open(_ sealed: [UInt8], under key: Secret, as label: Label) -> Secret? {
        guard sealed.count >= overhead, sealed.first == format else { return nil }
        let iv = Array(sealed.dropFirst().prefix(AESGCM.ivSize))
        let context = label.bytes
        return try? AESGCM.open(
            Array(sealed.dropFirst(1 + AESGCM.ivSize)), key: aesKey(key, context), iv: iv, additional: context)
    }

    private static func aesKey(_ key: Secret, _ context: [UInt8]) -> Secret {
        SHA256.deriveKey(from: key, Array("vtpm value".utf8) + context)
    }
}

// MARK: - Values

extension Sealing {
    static func seal(_ value: some Encodable, under key: Secret, as label: Label) throws(StoreFailure) -> [UInt8] {
        guard var json = (try? JSONEncoder().encode(value)).map({ [UInt8]($0) }) else {
            throw .cryptography("a value cannot be written as JSON")
        }
        defer { wipe(&json) }
        return try seal(Secret(json), under: key, as: label)
    }

    static func open<T: Decodable>(_ type: T.Type, _ sealed: [UInt8], under key: Secret, as label: Label) -> T? {
        guard let plain = open(sealed, under: key, as: label) else { return nil }
        return try? JSONDecoder().decode(type, from: Data(plain.bytes))
    }
}
