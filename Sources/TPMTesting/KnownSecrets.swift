import TPMClient
import TPMCrypto

/// The secrets of a ``TestTPM``, 20 bytes each. They are known to everybody, so they protect nothing.
public struct KnownSecrets: Sendable, Equatable {
    /// The owner's: the SHA-1 of "owner" unless told.
    public var owner = Secret(passphrase: Secret(Array("owner".utf8)))
    /// The SRK's: twenty zero bytes unless told, as most software expects.
    public var srk = Secret.wellKnown
    /// What the use of each ``TestKey`` takes: the SHA-1 of "key" unless told.
    public var key = Secret(passphrase: Secret(Array("key".utf8)))
    /// What the migration of a ``TestKey`` takes: the SHA-1 of "migration" unless told.
    public var migration = Secret(passphrase: Secret(Array("migration".utf8)))

    public init() {}

    /// The secrets by their names above.
    public static let names = ["owner", "srk", "key", "migration"]

    /// A secret by its name; nil for a name that is none, and setting that changes nothing.
    public subscript(name: String) -> Secret? {
        get { Self.path(name).map { self[keyPath: $0] } }
        set {
            guard let path = Self.path(name), let newValue else { return }
            self[keyPath: path] = newValue
        }
    }

    private static func path(_ name: String) -> WritableKeyPath<KnownSecrets, Secret>? {
        switch name {
        case "owner": \.owner
        case "srk": \.srk
        case "key": \.key
        case "migration": \.migration
        default: nil
        }
    }
}
