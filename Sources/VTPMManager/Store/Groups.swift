import Foundation
import TPMCrypto

/// Guests whose keys are under one key, which is opened for all of them at once.
public struct Group: Equatable, Sendable {
    public let id: UUID
    public let name: String
    /// The group's key, encrypted: once for each approved configuration of the host, and for the recovery key.
    public let wrappings: [Wrapping]

    fileprivate init(_ row: GroupRow) {
        id = row.id
        name = row.name
        wrappings = row.wrappings
    }
}

extension Store {
    /// Makes a group, and opens it.
    ///
    /// - Parameters:
    ///   - key: 32 random bytes.
    ///   - wrappings: the same key, encrypted.
    ///   - policy: what the manager keeps with the group, such as the list of approvals; encrypted, but readable while the
    ///     group is closed.
    public func createGroup(
        id: UUID = UUID(), name: String, key: Secret, wrappings: [Wrapping], policy: Secret = Secret(count: 0)
    ) throws(StoreFailure) -> Group {
        try StoreName.check(name)
        guard key.count == StoreKeys.size else { throw .wrongGroupKey(name) }
        let row = GroupRow(
            id: id, name: name, version: 1,
            keyCheck: try Sealing.seal(Secret(count: 0), under: key, as: Label(groupCheck: id)),
            policy: try seal(policy, of: id, version: 1), wrappings: try wrappings.canonical())
        try writer.change { draft in
            try draft.checkFree(group: id, name: name)
            try draft.put(row)
        }
        writer.open(group: id, key: key)
        return Group(row)
    }

    /// All groups, by name.
    public func groups() -> [Group] {
        writer.look { $0.groups.values.map(Group.init) }.sorted { $0.name < $1.name }
    }

    public func group(_ id: UUID) -> Group? { writer.look { $0.groups[id].map(Group.init) } }

    public func group(named name: String) -> Group? {
        writer.look { contents in contents.groupNames[name].flatMap { contents.groups[$0] }.map(Group.init) }
    }

    /// Deletes a group that has no guests.
    public func deleteGroup(_ id: UUID) throws(StoreFailure) {
        try writer.change { draft in
            let row = try draft.group(id)
            guard !draft.hasGuests(group: id) else { throw StoreFailure.groupHasGuests(row.name) }
            try draft.delete(row)
        }
    }

    // MARK: The key

    /// Takes the group's key, so that its guests can be used.
    public func openGroup(_ id: UUID, key: Secret) throws(StoreFailure) {
        let row = try groupRow(id)
        guard Sealing.open(row.keyCheck, under: key, as: Label(groupCheck: id)) != nil else {
            throw .wrongGroupKey(row.name)
        }
        writer.open(group: id, key: key)
    }

    /// Forgets the group's key and those of its guests: saves of a guest that is being served fail from then on.
    public func closeGroup(_ id: UUID) { writer.close(group: id) }

    public func isOpen(group id: UUID) -> Bool { writer.isOpen(group: id) }

    /// The group's key; nil while it is closed.
    func key(ofOpenGroup id: UUID) -> Secret? {
        do throws(StoreFailure) { return try writer.groupKey(try groupRow(id)) } catch { return nil }
    }

    // MARK: The approved configurations

    /// What the manager keeps with the group.
    public func policy(of id: UUID) throws(StoreFailure) -> Secret {
        let row = try groupRow(id)
        let label = Label(kind: .policy, owner: id, version: row.version)
        guard let policy = Sealing.open(row.policy, under: writer.keys.notes, as: label) else {
            throw .altered(directory, detail: "what is kept with the group \(row.name)")
        }
        return policy
    }

    /// Replaces the group's encrypted keys, and what is kept with it, in one commit.
    public func update(group id: UUID, wrappings: [Wrapping], policy: Secret) throws(StoreFailure) {
        let wrappings = try wrappings.canonical()
        try writer.change { [writer] draft in
            var row = try draft.group(id)
            row.version = try row.version.next()
            row.wrappings = wrappings
            row.policy = try Sealing.seal(
                policy, under: writer.keys.notes, as: Label(kind: .policy, owner: id, version: row.version))
            try draft.put(row)
        }
    }

    private func groupRow(_ id: UUID) throws(StoreFailure) -> GroupRow {
        guard let row = writer.look({ $0.groups[id] }) else { throw .noGroup(id.uuidString) }
        return row
    }

    private func seal(_ policy: Secret, of id: UUID, version: Int64) throws(StoreFailure) -> [UInt8] {
        try Sealing.seal(policy, under: writer.keys.notes, as: Label(kind: .policy, owner: id, version: version))
    }
}

extension Label {
    fileprivate init(groupCheck group: UUID) { self.init(kind: .groupCheck, owner: group, version: 1) }
}
