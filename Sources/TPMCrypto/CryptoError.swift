/// A failure of a cryptographic operation; carries no secret data.
public struct CryptoError: Error, Equatable, CustomStringConvertible {
    /// The operation that failed.
    public let what: String

    public init(what: String) {
        self.what = what
    }

    public var description: String { what }
}
