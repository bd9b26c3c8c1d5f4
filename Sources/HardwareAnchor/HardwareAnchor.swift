import TPMCrypto

/// The host's hardware TPM in the words of what keeps guests' TPMs: it proves which machine this is, keeps secrets to
/// this machine and to what it booted, counts up, and remembers a few bytes.
///
/// Every call blocks until the hardware answered, one call at a time; a TPM that does not answer costs the time-out and
/// no more. An anchor may be used from many threads. What it made in the TPM is in its ``AnchorMaterial``; Docs/Anchor.md
/// says what each kind of hardware protects.
///
/// After an error of reaching the hardware the anchor is as good as before: the next call tries anew.
public protocol HardwareAnchor: AnyObject, Sendable {
    /// What the TPM says that it is.
    var hardware: AnchorHardware { get }

    /// The same for this hardware and these keys at each start: SHA-256 of the public key that signs quotes.
    var identity: AnchorIdentity { get }

    /// Encrypts to this hardware; what it encrypted is for ``receive(_:)``.
    var receivingKey: ReceivingKey { get }

    /// The DER of the key that signs quotes; ``identity`` is its fingerprint.
    var quotingKey: [UInt8] { get }

    /// Which PCRs the hardware has values of.
    var pcrAlgorithm: PCRAlgorithm { get }

    /// Random bytes of the hardware, mixed with those of the system, so that they are no worse than either's.
    ///
    /// - Parameter count: 0 to ``AnchorLimit/randomBytes``.
    func randomBytes(_ count: Int) throws(AnchorError) -> Secret

    /// The present values of PCRs.
    ///
    /// - Parameter indices: 0 to 23, at least one.
    func readPCRs(_ indices: Set<Int>) throws(AnchorError) -> PCRConfiguration

    /// Keeps a secret to this hardware, and to a configuration, which need not be the present one.
    ///
    /// - Parameters:
    ///   - secret: ``AnchorLimit/sealedBytes``.
    ///   - configuration: the values that PCRs must have when it is unsealed; nil for any.
    /// - Returns: the sealed secret, to be kept anywhere.
    func seal(_ secret: Secret, to configuration: PCRConfiguration?) throws(AnchorError) -> [UInt8]

    /// The secret that was sealed.
    ///
    /// - Throws: ``AnchorError/otherConfiguration(_:)`` while PCRs have other values, ``AnchorError/otherHardware(_:)`` for
    ///   what another anchor sealed, ``AnchorError/damaged(_:)`` for what none did.
    func unseal(_ sealed: [UInt8]) throws(AnchorError) -> Secret

    /// The counter's value.
    func readCounter() throws(AnchorError) -> UInt64

    /// Adds one to the counter, for good, and returns the new value. Whoever calls it cannot know after an error whether it
    /// counted.
    @discardableResult
    func incrementCounter() throws(AnchorError) -> UInt64

    /// What was written last; nothing at first.
    func readRecord() throws(AnchorError) -> [UInt8]

    /// Replaces the record. The hardware's memory wears out after some ten thousand to a million writes.
    ///
    /// - Parameter bytes: at most ``AnchorLimit/recordBytes``.
    func writeRecord(_ bytes: [UInt8]) throws(AnchorError)

    /// A signed statement of the values of PCRs.
    ///
    /// - Parameters:
    ///   - indices: 0 to 23, at least one.
    ///   - nonce: what the verifier chose, ``AnchorLimit/nonceBytes``.
    func quote(_ indices: Set<Int>, nonce: [UInt8]) throws(AnchorError) -> AnchorQuote

    /// What was encrypted with ``receivingKey``.
    ///
    /// - Throws: ``AnchorError/damaged(_:)`` for what was not.
    func receive(_ ciphertext: [UInt8]) throws(AnchorError) -> Secret
}

/// Sizes in bytes that all kinds of hardware have in common.
public enum AnchorLimit {
    /// Of a secret that is sealed.
    public static let sealedBytes = 1...128
    /// Of a secret that is encrypted to the hardware.
    public static let receivedBytes = 1...190
    /// The longest record.
    public static let recordBytes = 128
    /// Of a verifier's nonce.
    public static let nonceBytes = 20...32
    /// The most random bytes of one call.
    public static let randomBytes = 1024
    /// The PCRs of a PC.
    public static let pcrIndices = 0..<24
}
