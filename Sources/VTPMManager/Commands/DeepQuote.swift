import Foundation

public struct DeepQuoteRequest: Codable, Sendable, Equatable {
    /// What the challenger chose, 20 to 32 bytes in hexadecimal digits.
    public var nonce: String
    /// The guest's PCRs; nil stands for 0 to 15.
    public var pcrs: [Int]?
    /// The host's PCRs; nil stands for 0 to 7.
    public var hostPCRs: [Int]?

    public init(nonce: String, pcrs: [Int]? = nil, hostPCRs: [Int]? = nil) {
        self.nonce = nonce
        self.pcrs = pcrs
        self.hostPCRs = hostPCRs
    }
}

/// What a guest's PCRs and its host's PCRs held, both signed for one challenger.
///
/// The hardware signs, as its nonce, the SHA-256 of the challenger's nonce, the guest's quote, its UUID and its group
/// (``hardwareNonce(for:)``): so the hardware vouches that the guest's quote was made on this machine, for this nonce.
public struct DeepQuote: Codable, Sendable, Equatable {
    public var guest: UUID
    /// The guest's name at that time. It is not signed.
    public var name: String
    public var group: UUID
    public var groupName: String
    public var guestQuote: GuestQuote
    /// The bytes of an `AnchorQuote`.
    public var hardwareQuote: Data
}

/// A TPM_QUOTE_INFO of a guest's PCRs (Part 2, 11.3), signed with PKCS #1 v1.5 and SHA-1 by the guest's quoting key.
public struct GuestQuote: Codable, Sendable, Equatable {
    /// The 48 bytes that were signed.
    public var statement: Data
    public var signature: Data
    /// The DER of the key that is said to have signed.
    public var quotingKey: Data
    /// The values of the PCRs in hexadecimal digits, by number.
    public var pcrs: [String: String]
}
