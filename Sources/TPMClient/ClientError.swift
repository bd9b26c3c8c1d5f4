import TPMWire

/// What can go wrong on the caller's side.
public enum ClientError: Error, Equatable, CustomStringConvertible {
    /// The TPM answered a command with a return code other than TPM_SUCCESS.
    case tpm(TPMResult, Ordinal)
    /// The answer is not one to the command: its size, its tag, or operands that do not decode.
    case badResponse(Ordinal)
    /// The answer's HMAC or checksum is wrong: it is not the TPM's, or not to this command.
    case notAuthentic(Ordinal)
    /// The TPM already ended a session that the command was to use.
    case sessionEnded(Ordinal)
    /// A session cannot encrypt: it is not bound to an entity, or the value is not 20 bytes.
    case cannotHide
    /// A command with sessions that the request's operands cannot be encoded for.
    case badRequest(Ordinal)
    /// The TPM cannot be reached; a sentence that says why.
    case transport(String)

    /// The TPM's return code, nil for what did not come from the TPM.
    public var result: TPMResult? {
        if case .tpm(let result, _) = self { result } else { nil }
    }

    public var description: String {
        switch self {
        case .tpm(let result, let ordinal):
            "\(ordinal): \(result)\(result.meaning.map { ": \($0)" } ?? "")"
        case .badResponse(let ordinal): "\(ordinal): the TPM's answer makes no sense"
        case .notAuthentic(let ordinal): "\(ordinal): the answer is not authentic"
        case .sessionEnded(let ordinal): "\(ordinal): the authorization session has ended"
        case .cannotHide: "the authorization session cannot encrypt this secret"
        case .badRequest(let ordinal): "\(ordinal): the operands are too long or do not fit together"
        case .transport(let sentence): sentence
        }
    }
}
