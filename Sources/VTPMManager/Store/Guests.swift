import Foundation
import TPMCrypto

/// A guest that has a TPM.
public struct Guest: Equatable, Sendable {
    public let id: UUID
    public let name: String
    public let group: UUID
    public let state: GuestState
    public let created: Date
}

/// What the manager last did with a guest's TPM. It is readable on disk.
public enum GuestState: Int64, Sendable, CaseIterable {
    case stopped = 0
    case running = 1
    case suspended = 2
}

/// What of a guest has to be read while its group is closed, and not by others.
private struct GuestDetails: Codable {
    let created: Date
}

extension Store {
    /// Makes a guest with a key of its own, in a group that is open.
    ///
    /// - Parameters:
    ///   - settings: what the manager keeps with the guest, encrypted under its key; usually JSON.
    ///   - state: that of its TPM, if it has one already.
    public func createGuest(
        id: UUID = UUID(), name: String, group: UUID, settings: Secret, state: Secret? = nil, created: Date = Date()
    ) throws(StoreFailure) -> Guest {
        try StoreName.check(name)
        guard let groupRow = writer.look({ $0.groups[group] }) else { throw .noGroup(group.uuidString) }
        let key: Secret
        do throws(CryptoError) { key = try SystemRandom().secret(count: StoreKeys.size) } catch {
            throw .cryptography(error.what)
        }
        let row = GuestRow(
            id: id, group: group, name: name, state: .stopped, version: 1,
            wrappedKey: try Sealing.seal(
                key, under: try writer.groupKey(groupRow), as: Label(kind: .guestKey, owner: id, version: 1)),
            details: try Sealing.seal(GuestDetails(created: created), under: writer.keys.notes, as: Label(details: id)))
        var records = [try firstRecord(settings, .settings, of: id, under: key)]
        if let state { records.append(try firstRecord(state, .permanent, of: id, under: key)) }
        try writer.change { [records] draft in
            _ = try draft.group(group)
            try draft.checkFree(guest: id, name: name)
            try draft.put(row)
            for record in records { try draft.put(record, code: record.code(draft.keys)) }
        }
        return Guest(id: id, name: name, group: group, state: .stopped, created: created)
    }

    private func firstRecord(
        _ contents: Secret, _ kind: RecordKind, of guest: UUID, under key: Secret
    ) throws(StoreFailure) -> RecordRow {
        guard contents.count <= StoreLimits.recordSize else {
            throw .tooLarge(bytes: contents.count, limit: StoreLimits.recordSize)
        }
        let record = RecordKey(guest: guest, kind: kind)
        return RecordRow(
            key: record, version: 1, sealed: try Sealing.seal(contents, under: key, as: record.label(1)))
    }

    /// All guests, by name.
    public func guests() throws(StoreFailure) -> [Guest] {
        var guests: [Guest] = []
        for row in writer.look({ Array($0.guests.values) }) { guests.append(try guest(row)) }
        return guests.sorted { $0.name < $1.name }
    }

    public func guest(_ id: UUID) throws(StoreFailure) -> Guest? {
        guard let row = writer.look({ $0.guests[id] }) else { return nil }
        return try guest(row)
    }

    public func guest(named name: String) throws(StoreFailure) -> Guest? {
        guard let row = writer.look({ contents in contents.guestNames[name].flatMap { contents.guests[$0] } }) else {
            return nil
        }
        return try guest(row)
    }

    private func guest(_ row: GuestRow) throws(StoreFailure) -> Guest {
        let label = Label(details: row.id)
        guard let details = Sealing.open(GuestDetails.self, row.details, under: writer.keys.notes, as: label) else {
            throw .altered(directory, detail: "what is kept with the guest \(row.name)")
        }
        return Guest(id: row.id, name: row.name, group: row.group, state: row.state, created: details.created)
    }

    // MARK: Changing

    public func rename(guest id: UUID, to name: String) throws(StoreFailure) {
        try StoreName.check(name)
        try change(guest: id) { row, draft in
            if row.name != name { try draft.checkFree(guest: nil, name: name) }
            row.name = name
        }
    }

    public func setState(of id: UUID, to state: GuestState) throws(StoreFailure) {
        try change(guest: id) { row, _ in row.state = state }
    }

    private func change(
        guest id: UUID, _ body: @escaping @Sendable (inout GuestRow, StoreDraft) throws -> Void
    ) throws(StoreFailure) {
        try writer.change { draft in
            var row = try draft.guest(id)
            try body(&row, draft)
            row.version = try row.version.next()
            try draft.put(row)
        }
    }

    /// Deletes a guest that is not served, with its key and all that is kept of it.
    public func deleteGuest(_ id: UUID) throws(StoreFailure) {
        guard let row = writer.look({ $0.guests[id] }) else { throw .noGuest(id.uuidString) }
        guard let hold = serving.take(id) else { throw .served(row.name) }
        do throws(StoreFailure) {
            try writer.change { draft in try draft.delete(try draft.guest(id)) }
        } catch {
            serving.giveBack(id, hold)
            throw error
        }
        serving.forget(id)
    }

    // MARK: Settings

    public func settings(of id: UUID) throws(StoreFailure) -> Secret? {
        try writer.load(RecordKey(guest: id, kind: .settings))
    }

    public func setSettings(of id: UUID, to settings: Secret) throws(StoreFailure) {
        try writer.save(settings, as: RecordKey(guest: id, kind: .settings))
    }
}

extension Label {
    fileprivate init(details guest: UUID) { self.init(kind: .details, owner: guest, version: 1) }
}
