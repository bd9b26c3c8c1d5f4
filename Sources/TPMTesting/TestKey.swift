import TPMClient
import TPMCrypto
import TPMWire

/// A key below the SRK of a ``TestTPM`` that began ``Start/withKeys``: of 2048 bits, used with
/// ``KnownSecrets/key``.
public struct TestKey: Sendable, Equatable {
    public enum Role: String, Sendable, CaseIterable {
        /// A parent for other keys and for sealed data; it cannot migrate.
        case storage
        /// Signs SHA-1 digests with PKCS #1 v1.5, and quotes; it cannot migrate.
        case signing
        /// Decrypts what was bound to it with OAEP; it cannot migrate.
        case binding
        /// A signing key that migrates with ``KnownSecrets/migration``.
        case migratable
    }

    public let role: Role
    /// The key as it is loaded again when a loss of power took it: `tpm.client.load(key.blob)`.
    public let blob: Key
    /// Where it is loaded when the test begins.
    public let handle: KeyHandle

    /// The key for software that encrypts for it or checks its signatures.
    public func publicKey() throws -> RSAPublicKey { try RSAPublicKey(blob.pubkey) }
}

extension TestKey.Role {
    /// What the key is made from.
    var template: Key {
        switch self {
        case .storage: .template(.storage)
        case .signing: .template(.signing)
        case .binding: .template(.bind)
        case .migratable: .template(.signing, flags: .migratable)
        }
    }
}
