import Foundation
import HardwareAnchor
import TPMCrypto

/// What a deep quote proved.
public struct VerifiedQuote: Codable, Sendable, Equatable {
    public let guest: UUID
    public let name: String
    public let group: UUID
    public let groupName: String
    /// The guest's PCRs.
    public let guestPCRs: PCRReport
    /// The host's PCRs.
    public let hostPCRs: PCRReport
    /// The PEM of the key that signed the guest's quote. Unless the verifier knew it before, it is that of the host's word
    /// alone, as the guest's name is.
    public let guestKey: String
}

extension DeepQuote {
    /// What the quote proves to a challenger who has nothing but public keys.
    ///
    /// - Parameters:
    ///   - nonce: what the challenger chose, 20 to 32 bytes.
    ///   - hardwareKey: the PEM of the key of the host's hardware, from where it is trusted.
    ///   - guestKey: the PEM of the guest's quoting key, if it is known.
    /// - Throws: a ``ManagerError`` of kind `invalid` that says what is wrong.
    public func verified(
        nonce: [UInt8], hardwareKey: String, guestKey: String? = nil
    ) throws(ManagerError) -> VerifiedQuote {
        guard AnchorLimit.nonceBytes.contains(nonce.count) else {
            throw ManagerError(.invalid, "A nonce has 20 to 32 bytes.")
        }
        let trusted = try Self.key(hardwareKey, "hardware's")
        let hardware = try Self.quote(hardwareQuote, "hardware's")
        do throws(QuoteFlaw) { try hardware.verify(by: trusted, nonce: hardwareNonce(for: nonce)) } catch {
            let hint =
                error == .otherNonce
                ? " Or the guest's quote, its UUID, its name or its group was changed since: the hardware signs them with "
                    + "the nonce." : ""
            throw ManagerError(.invalid, "The hardware's quote: \(error)\(hint)")
        }
        let guest = try Self.quote(guestQuote, "guest's")
        let signer = try guestKey.map { text throws(ManagerError) in try Self.key(text, "guest's") } ?? guest.quotingKey
        do throws(QuoteFlaw) { try guest.verify(by: signer, nonce: nonce) } catch {
            throw ManagerError(.invalid, "The guest's quote: \(error)")
        }
        return VerifiedQuote(
            guest: self.guest, name: name, group: group, groupName: groupName,
            guestPCRs: PCRReport(guest.configuration), hostPCRs: PCRReport(hardware.configuration),
            guestKey: PEM.text(.publicKey, guest.quotingKey))
    }

    private static func key(_ pem: String, _ whose: String) throws(ManagerError) -> [UInt8] {
        guard let der = try? PEM.block(.publicKey, in: Secret(Array(pem.utf8))) else {
            throw ManagerError(.invalid, "The \(whose) key is no PEM with a public key.")
        }
        return der.bytes
    }

    private static func quote(_ bytes: Data, _ whose: String) throws(ManagerError) -> AnchorQuote {
        do throws(AnchorError) { return try AnchorQuote(bytes: [UInt8](bytes)) } catch {
            throw ManagerError(.invalid, "The \(whose) quote cannot be read: \(error)")
        }
    }
}
