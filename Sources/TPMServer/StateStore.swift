import TPMEngine

/// Keeps what a TPM must not lose when the power goes.
public protocol StateStore: Sendable {
    /// What was saved last; nil for a TPM that was never saved.
    func load() throws(StoreError) -> TPMState?

    /// Returns when `state` would survive a power cut, or throws: then either the last state or this one is there.
    func save(_ state: TPMState) throws(StoreError)
}

/// Why a state cannot be served or kept, as a sentence that names the file and says what to do.
public struct StoreError: Error, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}
