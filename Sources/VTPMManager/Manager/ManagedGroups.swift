import Foundation
import HardwareAnchor
import TPMCrypto

extension Manager {
    public static let defaultGroup = "default"
    static let defaultPCRs = [0, 2, 4, 7]

    // MARK: Looking

    public func groups() throws(ManagerError) -> [GroupReport] {
        var reports: [GroupReport] = []
        for group in store.groups() { reports.append(try report(group)) }
        return reports
    }

    public func group(_ name: String) throws(ManagerError) -> GroupReport { try report(try find(group: name)) }

    public func approvals(of name: String) throws(ManagerError) -> ApprovalList {
        let group = try find(group: name)
        let policy = try policy(of: group)
        guard policy.approvalKey != nil else {
            throw ManagerError(.invalid, "The group \(name) has no approval key: it opens in any configuration.")
        }
        return policy.approvals
    }

    private func report(_ group: Group) throws(ManagerError) -> GroupReport {
        let policy = try policy(of: group)
        let key = try policy.approvalKey.map { text throws(ManagerError) in try Self.approvalKey(text) }
        return GroupReport(
            id: group.id, name: group.name, isOpen: store.isOpen(group: group.id), reason: problems[.group(group.id)],
            approvalKey: key.map { Hexadecimal.encode($0.fingerprint) },
            approvalSequence: policy.approvals.sequence, configurations: policy.configurations.map(\.name),
            guests: try stored { () throws(StoreFailure) in try store.guests() }.count { $0.group == group.id })
    }

    func find(group name: String) throws(ManagerError) -> Group {
        guard let group = store.group(named: name) else { throw ManagerError(StoreFailure.noGroup(name)) }
        return group
    }

    func policy(of group: Group) throws(ManagerError) -> GroupPolicy {
        let bytes = try stored { () throws(StoreFailure) in try store.policy(of: group.id) }
        do { return try JSONDecoder().decode(GroupPolicy.self, from: Data(bytes.bytes)) } catch {
            throw ManagerError(
                .store, "What is kept with the group \(group.name) is of a later version of this program.")
        }
    }

    /// A failure of the store as one of the manager.
    func stored<T>(_ body: () throws(StoreFailure) -> T) throws(ManagerError) -> T {
        do throws(StoreFailure) { return try body() } catch { throw ManagerError(error) }
    }

    static func approvalKey(_ pem: String) throws(ManagerError) -> Ed25519PublicKey {
        do throws(CryptoError) { return try Ed25519PublicKey(pem: Array(pem.utf8)) } catch {
            throw ManagerError(.invalid, "The approval key is no Ed25519 public key in PEM (\(error.what)).")
        }
    }

    // MARK: Changing

    public func createGroup(_ request: GroupRequest) throws(ManagerError) -> GroupReport {
        try GroupMaker(anchor: anchor, store: store, recoveryKey: recoveryKey).make(request)
        logger.notice("The group \(request.name) was made.")
        return try group(request.name)
    }

    public func deleteGroup(_ name: String) throws(ManagerError) {
        let group = try find(group: name)
        try stored { () throws(StoreFailure) in try store.deleteGroup(group.id) }
        problems.forget(.group(group.id))
        logger.notice("The group \(name) was deleted.")
    }

    public func approve(_ approval: SignedApproval, for name: String) throws(ManagerError) -> GroupReport {
        do {
            try groupChange.withLock { _ in
                let group = try find(group: name)
                let policy = try policy(of: group).accepting(approval, for: group)
                guard let key = store.key(ofOpenGroup: group.id) else {
                    throw ManagerError(
                        .notApproved,
                        "The group \(name) is closed, so its key cannot be sealed to what was approved: boot a "
                            + "configuration that was approved before and approve there, or use the recovery key.")
                }
                let wrappings = try anchor.wrap(key, policy, recovery: recoveryKey)
                try store.update(group: group.id, wrappings: wrappings, policy: try policy.encoded())
                logger.notice(
                    "The group \(name) has the approval \(policy.approvals.sequence).",
                    metadata: ["configurations": "\(policy.configurations.map(\.name).joined(separator: ", "))"])
            }
        } catch { throw ManagerError(any: error) }
        // A list that was taken back must not come back with an older copy of the store.
        checkpoint()
        return try group(name)
    }

    // MARK: Opening

    /// Tries to open what is closed, and starts the guests of what it opened.
    func openClosedGroups() {
        for group in store.groups() where !store.isOpen(group: group.id) {
            do throws(ManagerError) {
                let key = try anchor.unwrap(group, try policy(of: group))
                try stored { () throws(StoreFailure) in try store.openGroup(group.id, key: key) }
                problems.solve(.group(group.id))
                logger.info("The group \(group.name) is open.")
                startGuests(of: group)
            } catch {
                let reason = "The group \(group.name) is closed. \(error)"
                if problems.note(.group(group.id), reason) { hold(group, reason) }
            }
        }
    }
}

/// Makes groups, for the manager and before there is one.
struct GroupMaker {
    let anchor: any HardwareAnchor
    let store: Store
    let recoveryKey: RecoveryPublicKey

    func make(_ request: GroupRequest) throws(ManagerError) {
        let id = UUID()
        var policy = GroupPolicy(approvals: ApprovalList(group: id, sequence: 0, configurations: []))
        if let pem = request.approvalKey {
            let key = try Manager.approvalKey(pem)
            let indices = request.pcrs ?? Manager.defaultPCRs
            try Manager.check(pcrs: indices)
            do throws(AnchorError) {
                let present = try anchor.readPCRs(Set(indices))
                policy.approvals.configurations = [.init(name: "when the group was made", present)]
            } catch { throw ManagerError(error) }
            policy.approvalKey = key.pem
        } else if request.pcrs != nil {
            throw ManagerError(.invalid, "PCRs are for a group with an approval key, which approves their values.")
        }
        do {
            let key = try anchor.randomBytes(StoreKeys.size)
            _ = try store.createGroup(
                id: id, name: request.name, key: key,
                wrappings: try anchor.wrap(key, policy, recovery: recoveryKey), policy: try policy.encoded())
        } catch { throw ManagerError(any: error) }
    }
}

extension GroupPolicy {
    func encoded() throws(ManagerError) -> Secret {
        guard let json = try? JSONEncoder().encode(self) else {
            throw ManagerError(.failed, "A group's policy cannot be written as JSON.")
        }
        return Secret([UInt8](json))
    }
}
