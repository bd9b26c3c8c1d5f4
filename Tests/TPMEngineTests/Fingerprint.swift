import TPMCrypto

@testable import TPMEngine

extension PermanentState {
    /// Every value in it but the count of failed authorizations, secrets included, as one string to compare.
    var fingerprint: String {
        var copy = self
        copy.failedAuthorizations = 0
        return TPMEngineTests.fingerprint(of: copy)
    }
}

/// Every value in a part of the state, secrets included, as one string to compare.
func fingerprint(of value: Any) -> String {
    switch value {
    case let secret as Secret: return "\(secret.bytes)"
    case let key as RSAPrivateKey: return "\(key.publicKey.modulus) \(key.prime.bytes)"
    case let hash as SHA1: return fingerprint(of: hash.parts)
    default: break
    }
    let mirror = Mirror(reflecting: value)
    guard !mirror.children.isEmpty else { return "\(value)" }
    var parts = mirror.children.map { "\($0.label ?? ""):\(fingerprint(of: $0.value))" }
    // The order of these is not one of the value.
    if mirror.displayStyle == .dictionary || mirror.displayStyle == .set { parts.sort() }
    return "{\(parts.joined(separator: ","))}"
}
