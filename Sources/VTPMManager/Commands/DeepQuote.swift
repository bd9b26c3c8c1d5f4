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
/// The hardware signs, as its nonce, the SHA-256 of the challenger's nonce, the guest's quote and all that is said here of
/// the guest: so it vouches that the guest's quote was made on this machine, for this challenger.
public struct DeepQuote: Codable, Sendable, Equatable {
    public var guest: UUID
    /// The guest's name at that time.
    public var name: String
    public var group: UUID
    public var groupName: String
    /// The bytes of an `AnchorQuote` of the guest's PCRs, signed by the guest's quoting key.
    public var guestQuote: Data
    /// The bytes of an `AnchorQuote` of the host's PCRs, signed by its hardware.
    public var hardwareQuote: Data
}
