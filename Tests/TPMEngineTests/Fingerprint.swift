import TPMCrypto

@testable import TPMEngine

extension PermanentState {
    /// Every value in it but the count of failed authorizations, secrets included, as one string to compare.
    var fingerprint: String {
        var copy = self
        copy.failedAuthorizations = 0
        return print(copy)
    }

    private func print(_ value: Any) -> String {
        switch value {
        case let secret as Secret: return "\(secret.bytes)"
        case let key as RSAPrivateKey: return "\(key.publicKey.modulus) \(key.prime.bytes)"
        default: break
        }
        let mirror = Mirror(reflecting: value)
        guard !mirror.children.isEmpty else { return "\(value)" }
        var parts = mirror.children.map { "\($0.label ?? ""):\(print($0.value))" }
        // The order of these is not one of the value.
        if mirror.displayStyle == .dictionary || mirror.displayStyle == .set { parts.sort() }
        return "{\(parts.joined(separator: ","))}"
    }
}
