import TPMCrypto

/// A store that takes and gives the permanent state as ``TPMState/serialised()`` writes it, for a TPM in another process:
/// who keeps it need not look into it.
public protocol SerialisedStateStore: StateStore {
    /// What was saved last; nil for a TPM that was never saved.
    func loadSerialised() throws(StoreError) -> Secret?

    /// Makes a state durable, as ``StateStore/keep(_:then:)`` does.
    func keepSerialised(_ bytes: Secret, then: @escaping @Sendable (StoreError?) -> Void) -> Kept
}
