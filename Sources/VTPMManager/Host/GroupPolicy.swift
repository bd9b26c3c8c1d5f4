import Foundation
import HardwareAnchor
import TPMCrypto

/// What the manager keeps with a group: who approves configurations of the host, and which are approved.
struct GroupPolicy: Codable, Equatable {
    /// The PEM of the key that signs approvals; nil for a group that opens in any configuration.
    var approvalKey: String?
    /// The list in force; that of a group with an approval key has at least one configuration.
    var approvals: ApprovalList
    /// What the host booted when the group was recovered. The next approval takes its place.
    var recovered: ApprovalList.Configuration?

    /// Those that open the group.
    var configurations: [ApprovalList.Configuration] { approvals.configurations + (recovered.map { [$0] } ?? []) }

    /// - Throws: ``ManagerError/Kind/invalid`` when the list is not signed by the group's key, is for another group or is
    ///   not newer than the one in force.
    func accepting(_ approval: SignedApproval, for group: Group) throws(ManagerError) -> GroupPolicy {
        guard let approvalKey else {
            throw ManagerError(.invalid, "The group \(group.name) has no approval key: it opens in any configuration.")
        }
        let key: Ed25519PublicKey
        do throws(CryptoError) { key = try Ed25519PublicKey(pem: Array(approvalKey.utf8)) } catch {
            throw ManagerError(error)
        }
        guard key.verify([UInt8](approval.list), signature: [UInt8](approval.signature)) else {
            throw ManagerError(.invalid, "The list is not signed by the approval key of the group \(group.name).")
        }
        let list: ApprovalList
        do { list = try JSONDecoder().decode(ApprovalList.self, from: approval.list) } catch {
            throw ManagerError(.invalid, "The list is not the JSON of a list of approved configurations.")
        }
        guard list.group == group.id else {
            throw ManagerError(.invalid, "The list is for the group \(list.group), and \(group.name) is \(group.id).")
        }
        guard list.sequence > approvals.sequence else {
            throw ManagerError(
                .invalid,
                "The list has the number \(list.sequence), and the one in force \(approvals.sequence): an approval "
                    + "cannot go back. Sign a list with a higher number.")
        }
        return GroupPolicy(approvalKey: approvalKey, approvals: list)
    }

    /// The configurations as the hardware takes them.
    func checkedConfigurations(for algorithm: PCRAlgorithm) throws(ManagerError) -> [PCRConfiguration] {
        guard 1...Self.maximumConfigurations ~= configurations.count else {
            throw ManagerError(.invalid, "A list approves 1 to \(Self.maximumConfigurations) configurations.")
        }
        var checked: [PCRConfiguration] = []
        for configuration in configurations {
            let values = try configuration.checked()
            guard values.algorithm == algorithm else {
                throw ManagerError(
                    .invalid,
                    "\(configuration.name) is of \(values.algorithm) PCRs, and the hardware's are \(algorithm).")
            }
            checked.append(values)
        }
        return checked
    }

    /// Each is sealed and tried for itself, and takes the hardware a tenth of a second.
    static let maximumConfigurations = 32
}

extension ApprovalList.Configuration {
    init(name: String, _ configuration: PCRConfiguration) {
        self.init(
            name: name, algorithm: "\(configuration.algorithm)",
            pcrs: Dictionary(
                uniqueKeysWithValues: configuration.ordered.map { ("\($0.index)", Hexadecimal.encode($0.value)) }))
    }

    /// - Throws: ``ManagerError/Kind/invalid``.
    func checked() throws(ManagerError) -> PCRConfiguration {
        guard let algorithm = PCRAlgorithm.allCases.first(where: { "\($0)" == algorithm }) else {
            throw ManagerError(.invalid, "\(name): the algorithm is sha1 or sha256, not \(algorithm).")
        }
        var values: [Int: [UInt8]] = [:]
        for (index, value) in pcrs {
            guard let index = Int(index), let bytes = Hexadecimal.decode(value) else {
                throw ManagerError(.invalid, "\(name): PCR \(index) is no number with hexadecimal digits.")
            }
            values[index] = bytes
        }
        do throws(AnchorError) { return try PCRConfiguration(algorithm, values) } catch {
            throw ManagerError(.invalid, "\(name): \(error)")
        }
    }
}

extension PCRReport {
    init(_ configuration: PCRConfiguration) {
        let named = ApprovalList.Configuration(name: "", configuration)
        self.init(algorithm: named.algorithm, pcrs: named.pcrs)
    }
}
