import Foundation
import HardwareAnchor
import TPMCrypto

/// A key of 32 bytes, encrypted to a recovery key. It says which, so that whoever has that private key finds it.
struct RecoveryWrapping: Codable, Equatable {
    /// PEM.
    let key: String
    let ciphertext: Data

    static let label = "recovery"

    init(_ secret: Secret, for key: RecoveryPublicKey) throws(ManagerError) {
        self.key = key.pem
        do throws(CryptoError) { ciphertext = Data(try key.encrypt(secret)) } catch { throw ManagerError(error) }
    }

    /// The one among the wrappings of a key; nil without one.
    init?(in wrappings: [Wrapping]) {
        guard let blob = wrappings.first(where: { $0.label == Self.label })?.blob,
            let value = try? JSONDecoder().decode(Self.self, from: Data(blob))
        else { return nil }
        self = value
    }

    func wrapping() throws(ManagerError) -> Wrapping {
        guard let json = try? JSONEncoder().encode(self) else {
            throw ManagerError(.failed, "The recovery key's ciphertext cannot be written as JSON.")
        }
        return Wrapping(label: Self.label, blob: [UInt8](json))
    }

    func open(_ key: RecoveryPrivateKey) throws(ManagerError) -> Secret {
        guard key.publicKey.pem == self.key else {
            throw ManagerError(.invalid, "The recovery key is another than the one that this store was made with.")
        }
        do throws(CryptoError) { return try key.decrypt([UInt8](ciphertext)) } catch { throw ManagerError(error) }
    }
}

/// Which of a key's wrappings the hardware opens.
enum HardwareWrapping {
    /// In any configuration.
    static let label = "hardware"

    /// In one of the approved configurations.
    static func label(configuration index: Int) -> String { "configuration \(index)" }
}

extension HardwareAnchor {
    /// Encrypts a key to this hardware in any configuration, and to the recovery key.
    func wrap(_ key: Secret, recovery: RecoveryPublicKey) throws(ManagerError) -> [Wrapping] {
        [
            Wrapping(label: HardwareWrapping.label, blob: try sealed(key, to: nil)),
            try RecoveryWrapping(key, for: recovery).wrapping(),
        ]
    }

    /// Encrypts a group's key to this hardware in the configurations of the policy, and to the recovery key.
    func wrap(_ key: Secret, _ policy: GroupPolicy, recovery: RecoveryPublicKey) throws(ManagerError) -> [Wrapping] {
        guard policy.approvalKey != nil else { return try wrap(key, recovery: recovery) }
        var wrappings = [try RecoveryWrapping(key, for: recovery).wrapping()]
        for (index, configuration) in try policy.checkedConfigurations(for: pcrAlgorithm).enumerated() {
            let label = HardwareWrapping.label(configuration: index)
            wrappings.append(Wrapping(label: label, blob: try sealed(key, to: configuration)))
        }
        return wrappings
    }

    private func sealed(_ key: Secret, to configuration: PCRConfiguration?) throws(ManagerError) -> [UInt8] {
        do throws(AnchorError) { return try seal(key, to: configuration) } catch { throw ManagerError(error) }
    }

    /// The key that was encrypted to this hardware in any configuration.
    func unwrap(_ wrappings: [Wrapping]) throws(ManagerError) -> Secret {
        guard let wrapping = wrappings.first(where: { $0.label == HardwareWrapping.label }) else {
            throw ManagerError(.hardware, "The store is for no hardware TPM. Recover it with the recovery key.")
        }
        do throws(AnchorError) { return try unseal(wrapping.blob) } catch { throw ManagerError(error) }
    }

    /// The key of a group. ``ManagerError/Kind/notApproved`` says which PCRs are other than approved.
    func unwrap(_ group: Group, _ policy: GroupPolicy) throws(ManagerError) -> Secret {
        guard policy.approvalKey != nil else { return try unwrap(group.wrappings) }
        do {
            let approved = try policy.checkedConfigurations(for: pcrAlgorithm).enumerated()
            let present = try readPCRs(approved.reduce(into: []) { $0.formUnion($1.element.indices) })
            var differing: [[Int]] = []
            for (index, configuration) in approved {
                let differences = configuration.differences(from: present)
                guard differences.isEmpty else {
                    differing.append(differences)
                    continue
                }
                let label = HardwareWrapping.label(configuration: index)
                guard let wrapping = group.wrappings.first(where: { $0.label == label }) else { continue }
                return try unseal(wrapping.blob)
            }
            throw AnchorError.otherConfiguration(differing.min { $0.count < $1.count } ?? [])
        } catch { throw ManagerError(any: error) }
    }
}
