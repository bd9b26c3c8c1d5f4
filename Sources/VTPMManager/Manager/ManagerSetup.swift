import Foundation
import Glibc
import HardwareAnchor
import TPMCrypto

/// What is done once, while no manager runs: making the store, and bringing it back on other hardware.
public struct ManagerSetup {
    private let configuration: ManagerConfiguration
    /// Of the hardware's owner.
    private let owner: AnchorAuthorization
    /// Removes what the TPM has of an anchor whose material is lost.
    private let replacesAnchor: Bool
    /// Takes sentences on what is being done.
    private let progress: (String) -> Void

    public init(
        _ configuration: ManagerConfiguration, owner: AnchorAuthorization = .wellKnown, replacesAnchor: Bool = false,
        progress: @escaping (String) -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.owner = owner
        self.replacesAnchor = replacesAnchor
        self.progress = progress
    }

    private var directory: String { configuration.directory }

    /// Where a recovery key that was made for the store waits for the operator to carry it away.
    public var recoveryKeyPath: String { "\(directory)/recovery-private.pem" }

    // MARK: Making

    /// Provisions the hardware and makes the store, with the group `default`.
    ///
    /// - Parameters:
    ///   - recoveryKey: to which every key is encrypted, too.
    ///   - group: how the group is to be; its name is not looked at.
    ///   - encryptedRecoveryKey: the PEM of the recovery key's private half, for ``recoveryKeyPath``.
    public func initialise(
        recoveryKey: RecoveryPublicKey, group: GroupRequest, encryptedRecoveryKey: String? = nil
    ) throws(ManagerError) {
        guard access("\(directory)/store.sqlite", F_OK) != 0 else { throw ManagerError(StoreFailure.exists(directory)) }
        try makeDirectory()
        let anchor = try provision()
        if let encryptedRecoveryKey {
            try DurableFile.write(Secret(Array(encryptedRecoveryKey.utf8)), to: recoveryKeyPath, mode: 0o600)
        }
        progress("Making the store in \(directory).")
        do {
            let key = try anchor.randomBytes(StoreKeys.size)
            let store = try Store.create(
                in: directory, integrityKey: key, wrappings: try anchor.wrap(key, recovery: recoveryKey))
            defer { store.close() }
            var group = group
            group.name = Manager.defaultGroup
            try GroupMaker(anchor: anchor, store: store, recoveryKey: recoveryKey).make(group)
            try checkpoint(store, anchor)
        } catch {
            // It would be a store without a checkpoint, which no manager takes.
            for suffix in ["", "-wal"] { unlink("\(directory)/store.sqlite\(suffix)") }
            throw ManagerError(any: error)
        }
    }

    private func makeDirectory() throws(ManagerError) {
        guard mkdir(directory, 0o700) == 0 || errno == EEXIST else {
            throw .system("The directory \(directory) cannot be made")
        }
    }

    /// Makes what the anchor needs in the hardware that is there, and opens it. What there is of this directory's stays.
    private func provision() throws(ManagerError) -> any HardwareAnchor {
        let address = configuration.anchor.address
        progress("Making keys, a counter and a record in \(address).")
        let known = try MaterialFile.read(in: directory)
        do throws(AnchorError) {
            var material: AnchorMaterial
            do throws(AnchorError) {
                material = try address.provision(
                    owner: owner, keeping: known?.kind == address.kind ? known : nil, replacing: replacesAnchor,
                    options: configuration.anchor.options)
            } catch .otherHardware(_) where known != nil {
                // What is known is of the hardware that was here before.
                material = try address.provision(
                    owner: owner, replacing: replacesAnchor, options: configuration.anchor.options)
            }
            do throws(ManagerError) { try MaterialFile.write(material, in: directory) } catch {
                throw .unreachable(error.description)
            }
            return try address.open(material, options: configuration.anchor.options)
        } catch { throw ManagerError(error) }
    }

    private func checkpoint(_ store: Store, _ anchor: any HardwareAnchor) throws {
        while let next = store.nextCheckpoint() {
            try anchor.write(next)
            try store.confirm(next)
        }
    }

    // MARK: Recovering

    /// Opens the store with the recovery key, and seals it and all groups to the hardware that is there.
    ///
    /// A group with approvals opens in the configurations that were approved, where the hardware has such PCRs, and in
    /// the present one.
    ///
    /// - Parameter acceptsOlderStore: takes a store that is not what the hardware saw last. Without it, one that this very
    ///   hardware knows as newer is refused.
    /// - Returns: the number of guests.
    public func recover(with key: RecoveryPrivateKey, acceptsOlderStore: Bool = false) throws(ManagerError) -> Int {
        do {
            let file = try StoreFile(opening: directory)
            guard let wrapping = RecoveryWrapping(in: file.wrappings) else {
                throw ManagerError(.store, "The store has no recovery key.")
            }
            let integrityKey = try wrapping.open(key)
            // What another store left in this hardware is no checkpoint of this one.
            let anchor = try provision()
            let checkpoint = acceptsOlderStore ? nil : try anchor.readCheckpoint()
            let store = try Store(file, integrityKey: integrityKey, extending: checkpoint)
            defer { store.close() }
            progress("Sealing \(store.groups().count + 1) keys to the hardware.")
            let note = "The store was brought back with the recovery key, on the \(anchor.hardware)."
            for group in store.groups() { try recover(group, of: store, anchor, key) }
            try store.setWrappings(try anchor.wrap(integrityKey, recovery: key.publicKey))
            let guests = try store.guests()
            for guest in guests { try store.append(Event(kind: "recovered", text: note), to: guest.id) }
            try self.checkpoint(store, anchor)
            return guests.count
        } catch { throw ManagerError(any: error) }
    }

    private func recover(
        _ group: Group, of store: Store, _ anchor: any HardwareAnchor, _ key: RecoveryPrivateKey
    ) throws {
        guard let wrapping = RecoveryWrapping(in: group.wrappings) else {
            throw ManagerError(.store, "The group \(group.name) has no recovery key.")
        }
        let groupKey = try wrapping.open(key)
        var policy = try JSONDecoder().decode(GroupPolicy.self, from: Data(try store.policy(of: group.id).bytes))
        if policy.approvalKey != nil {
            let algorithm = "\(anchor.pcrAlgorithm)"
            policy.approvals.configurations.removeAll { $0.algorithm != algorithm }
            let indices = Set(policy.configurations.flatMap { $0.pcrs.keys.compactMap { Int($0) } })
            let present = try anchor.readPCRs(indices.isEmpty ? Set(Manager.defaultPCRs) : indices)
            policy.recovered = .init(name: "when the group was recovered", present)
        }
        try store.update(
            group: group.id, wrappings: try anchor.wrap(groupKey, policy, recovery: key.publicKey),
            policy: try policy.encoded())
    }
}
