import TPMCrypto

/// How the hardware is treated.
public struct AnchorOptions: Sendable {
    /// How long a command of a TPM 1.2, or a call to a TPM 2.0, may take, at most an hour. When keys are made it is ten
    /// times that. A device of the kernel has limits of its own.
    public var timeout: Duration { didSet { timeout = min(timeout, .seconds(3600)) } }

    /// True when nobody else uses the TPM, and no resource manager stands before it: an anchor that finds it full then
    /// removes all keys and sessions that are loaded, which a process that was killed may have left.
    public var isOnlyUser: Bool

    /// The authorization of a TPM 1.2's storage root key.
    public var storageRootKey: AnchorAuthorization

    /// How long a call is tried again while the TPM has no room or no time for it.
    public var patience = Duration.seconds(5)

    public init(
        timeout: Duration = .seconds(30), isOnlyUser: Bool = false, storageRootKey: AnchorAuthorization = .wellKnown
    ) {
        self.timeout = min(timeout, .seconds(3600))
        self.isOnlyUser = isOnlyUser
        self.storageRootKey = storageRootKey
    }
}

/// The authorization of the TPM's owner, say.
public enum AnchorAuthorization: Sendable, Equatable {
    /// As an operator knows it, and gives it to other tools: a TPM 1.2 takes its SHA-1, a TPM 2.0 the bytes as they are.
    case passphrase(Secret)
    /// What stands for none: 20 zero bytes of a TPM 1.2, no bytes of a TPM 2.0.
    case wellKnown

    /// The 20 bytes of a TPM 1.2.
    var authData: Secret {
        switch self {
        case .passphrase(let secret): Secret(SHA1.hash(secret))
        case .wellKnown: Secret(count: Digest.byteCount)
        }
    }

    /// The bytes of a TPM 2.0.
    var authValue: Secret {
        switch self {
        case .passphrase(let secret): secret
        case .wellKnown: Secret([])
        }
    }
}
