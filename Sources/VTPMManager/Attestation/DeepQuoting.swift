import Foundation
import HardwareAnchor
import TPMCrypto

extension Manager {
    public func quotingKey() throws(ManagerError) -> PublicKeyReport {
        PublicKeyReport(pem: PEM.text(.publicKey, anchor.quotingKey))
    }

    public func quotingKey(of text: String) throws(ManagerError) -> PublicKeyReport {
        let key = try guestKey(try find(guest: text))
        do throws(CryptoError) {
            return PublicKeyReport(pem: PEM.text(.publicKey, try key.publicKey.subjectPublicKeyInfo()))
        } catch { throw ManagerError(error) }
    }

    public func deepQuote(of text: String, _ request: DeepQuoteRequest) throws(ManagerError) -> DeepQuote {
        let guest = try find(guest: text)
        guard let nonce = Hexadecimal.decode(request.nonce), AnchorLimit.nonceBytes.contains(nonce.count) else {
            throw ManagerError(.invalid, "A nonce has 20 to 32 bytes, in hexadecimal digits.")
        }
        let pcrs = request.pcrs ?? Array(0...15)
        let hostPCRs = request.hostPCRs ?? Array(0...7)
        try Self.check(pcrs: pcrs)
        try Self.check(pcrs: hostPCRs)
        guard let values = roster.service(of: guest.id)?.readPCRs() else {
            throw ManagerError(.conflict, "The TPM of the guest \(guest.name) has no power: start the guest first.")
        }
        let group = store.group(guest.group)
        let key = try guestKey(guest)
        do throws(AnchorError) {
            let selected = Set(pcrs).reduce(into: [Int: [UInt8]]()) { selected, index in
                if values.indices.contains(index) { selected[index] = values[index].bytes }
            }
            let guestQuote = try AnchorQuote(
                of: PCRConfiguration(.sha1, selected), nonce: nonce, signedBy: key)
            var quote = DeepQuote(
                guest: guest.id, name: guest.name, group: guest.group, groupName: group?.name ?? "",
                guestQuote: Data(try guestQuote.bytes()), hardwareQuote: Data())
            let hardwareQuote = try anchor.quote(Set(hostPCRs), nonce: quote.hardwareNonce(for: nonce))
            quote.hardwareQuote = Data(try hardwareQuote.bytes())
            return quote
        } catch { throw ManagerError(error) }
    }

    /// The key that signs the guest's quotes, which is made when it is first wanted.
    private func guestKey(_ guest: Guest) throws(ManagerError) -> RSAPrivateKey {
        do throws(CryptoError) {
            if let stored = try? settings(of: guest).quotingKey { return try stored.key() }
        } catch { throw ManagerError(error) }
        return try keyChange.withLock { _ throws(ManagerError) in
            var settings = try settings(of: guest)
            do {
                if settings.quotingKey == nil {
                    settings.quotingKey = .init(try pool.keyPair(bits: 2048, exponent: 65537))
                }
                guard let key = try settings.quotingKey?.key() else { throw CryptoError(what: "a quoting key") }
                try set(settings, of: guest)
                return key
            } catch { throw ManagerError(any: error) }
        }
    }
}

extension DeepQuote {
    /// What the hardware signs as its nonce: the SHA-256 of a label, and of the SHA-256 each of the challenger's nonce, the
    /// guest's quote, its UUID, its name, its group's UUID and its group's name.
    func hardwareNonce(for nonce: [UInt8]) -> [UInt8] {
        let parts = [
            nonce, [UInt8](guestQuote), guest.bytes, Array(name.utf8), group.bytes, Array(groupName.utf8),
        ]
        return SHA256.hash(Array("vtpm deep quote 1".utf8) + parts.flatMap { SHA256.hash($0) })
    }
}
