import TPMCrypto

/// The world as the engine sees it. It is handed in, so that a test gets the same bytes every run.
public struct Environment: Sendable {
    public var random: any RandomSource

    public init(random: any RandomSource = SystemRandom()) {
        self.random = random
    }
}
