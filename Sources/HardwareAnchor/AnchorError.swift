/// Why the hardware did not do what was asked, and what to do about it.
public enum AnchorError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The secret was sealed to other values than these PCRs have now.
    case otherConfiguration([Int])
    /// What was given belongs to another TPM, or to keys that this one had before its owner was cleared. The sentence
    /// says what was noticed.
    case otherHardware(String)
    /// The TPM refuses all secrets for a while, since wrong ones were tried.
    case lockedOut(String)
    /// There is no connection to the TPM, or no answer in time, or its state cannot be saved.
    case unreachable(String)
    /// What was given, or what the TPM keeps, is not what an anchor wrote.
    case damaged(String)
    /// The owner's authorization is another.
    case wrongOwner(String)
    /// What the anchor made in the TPM is gone, or was made anew by somebody else.
    case missing(String)
    /// Something of this label is in the TPM and not of this material.
    case taken(String)
    /// The TPM has no room for another key, session or area, or is used by somebody else.
    case busy(String)
    /// The TPM, or the request, is not fit for this: it has no owner, is disabled, the size is wrong.
    case unfit(String)
    /// Another refusal, or an answer that makes no sense or is not authentic.
    case failed(String)

    public var description: String {
        switch self {
        case .otherConfiguration(let indices):
            indices.isEmpty
                ? "The machine's PCRs are not those of the sealed configuration. Boot what was approved, or approve what "
                    + "was booted."
                : "The machine booted something else than what was approved: PCR \(Self.list(indices)) differs. Boot "
                    + "what was approved, or approve what was booted."
        case .otherHardware(let text):
            "\(text) Use the TPM that it was made with, or recover with the recovery key; a TPM whose owner was cleared "
                + "is another."
        case .lockedOut(let text):
            "The TPM is locked, since wrong secrets were tried: \(text) Wait, or let the owner reset the lock."
        case .unreachable(let text): "The TPM cannot be reached: \(text)"
        case .damaged(let text): "\(text) Take a good copy."
        case .wrongOwner(let text):
            "The TPM refuses the owner's authorization: \(text) Give the file with the right one."
        case .missing(let text): "\(text) Provision the anchor anew with the owner's authorization."
        case .taken(let text):
            "\(text) Give the material that it belongs to, choose another label, or replace it if nobody needs it."
        case .busy(let text): "The TPM has no room: \(text)"
        case .unfit(let text): text
        case .failed(let text): "The TPM failed: \(text)"
        }
    }

    private static func list(_ indices: [Int]) -> String { indices.map(String.init).joined(separator: ", ") }
}
