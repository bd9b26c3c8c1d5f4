import Foundation
import TPMCrypto

/// What the manager keeps of a guest beside its TPM, encrypted under the guest's key.
struct GuestSettings: Codable, Sendable {
    var interface = GuestInterface.control
    var isolation = GuestIsolation.none
    var linkedPCRs: [Int] = []
    /// Which start of the host's kernel the guest's volatile state is of, when the manager put it away to end.
    var pausedBoot: String?
    /// For which domain of Xen the TPM runs, or an operator stopped it.
    var domain: Domain?
    /// Signs the guest's quotes; nil before the first.
    var quotingKey: StoredKey?

    /// A domain, which no other is until the host's kernel starts again.
    struct Domain: Codable, Sendable, Equatable {
        let id: UInt16
        let boot: String?

        init(_ id: UInt16) {
            self.id = id
            boot = HostBoot.id
        }
    }

    /// An RSA key pair.
    struct StoredKey: Codable, Sendable {
        let modulus: Data
        let exponent: UInt32
        let prime: Data

        init(_ pair: RSAPrimes) {
            modulus = Data(pair.modulus)
            exponent = pair.exponent
            prime = Data(pair.p.bytes)
        }

        func key() throws(CryptoError) -> RSAPrivateKey {
            try RSAPrivateKey(modulus: [UInt8](modulus), exponent: exponent, prime: Secret([UInt8](prime)))
        }
    }

    func encoded() throws(ManagerError) -> Secret {
        guard var json = (try? JSONEncoder().encode(self)).map({ [UInt8]($0) }) else {
            throw ManagerError(.failed, "A guest's settings cannot be written as JSON.")
        }
        defer { wipe(&json) }
        return Secret(json)
    }

    init() {}

    init(_ bytes: Secret) throws(ManagerError) {
        do { self = try JSONDecoder().decode(Self.self, from: Data(bytes.bytes)) } catch {
            throw ManagerError(.store, "A guest's settings are of a later version of this program.")
        }
    }
}
