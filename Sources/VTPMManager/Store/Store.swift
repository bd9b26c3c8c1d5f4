import Foundation
import GRDB
import TPMCrypto

/// The store of a host: the guests with their TPMs' states, and their groups, in an encrypted database of which no older
/// copy is taken for it.
///
/// All of it is safe to call from any thread. What writes returns when it would survive a power cut, and what reads
/// records or events waits for its turn at the disk: neither belongs on an event loop, or into a task of Swift's
/// concurrency. Lists and look-ups of guests and groups come from memory.
public final class Store: Sendable {
    let writer: StoreWriter
    let serving = ServedGuests()
    /// The store's UUID, which it keeps.
    public let id: UUID
    /// Where it is.
    public var directory: String { writer.directory }

    // MARK: Making and opening

    /// Makes a store without guests or groups, and opens it. The directory is made (mode 0700) when its parent is there.
    ///
    /// - Parameters:
    ///   - integrityKey: 32 random bytes that the disk is not to know: who has them can change the store unseen.
    ///   - wrappings: the same key, encrypted for whoever is to open the store again.
    public static func create(
        in directory: String, integrityKey: Secret, wrappings: [Wrapping] = []
    ) throws(StoreFailure) -> Store {
        try checkKey(integrityKey)
        let wrappings = try wrappings.canonical()
        try StoreFile.make(in: directory, integrityKey: integrityKey, wrappings: wrappings)
        return try Store(StoreFile(opening: directory), integrityKey: integrityKey, extending: nil)
    }

    /// Opens a store, after reading and checking all of it.
    ///
    /// - Parameters:
    ///   - checkpoint: what the hardware TPM remembers of it; nil takes any copy of the store for it.
    public init(_ file: StoreFile, integrityKey: Secret, extending checkpoint: Checkpoint?) throws(StoreFailure) {
        var contents: StoreContents
        let keys: StoreKeys
        do throws(StoreFailure) {
            try Self.checkKey(integrityKey)
            keys = StoreKeys(integrityKey: integrityKey, store: file.id)
            let row = try file.read { try StoreRow.fetch($0) }
            guard Secret(row.keyCheck) == Secret(keys.check) else { throw .wrongIntegrityKey(file.directory) }
            contents = try StoreContents(file, keys)
            if let checkpoint {
                let chain = contents.chain
                try file.read { try chain.check(checkpoint, in: $0) }
            }
        } catch {
            file.close()
            throw error
        }
        contents.chain.confirmed = checkpoint
        id = file.id
        writer = StoreWriter(file, contents, keys)
    }

    deinit { writer.close() }

    /// Writes what is being waited for, and lets another process open the store. All that follows is refused.
    public func close() { writer.close() }

    private static func checkKey(_ key: Secret) throws(StoreFailure) {
        guard key.count == StoreKeys.size else {
            throw .cryptography("a key has \(key.count) bytes and not \(StoreKeys.size)")
        }
    }

    // MARK: No going back

    /// What the hardware TPM is to remember next, until ``confirm(_:)`` says that it does; nil when it has the last
    /// commit. One that was handed out and never confirmed comes again before a newer one does: ask again after
    /// confirming, where the last commit has to be remembered.
    public func nextCheckpoint() -> Checkpoint? { writer.nextCheckpoint() }

    /// True while the hardware TPM is not known to have the last commit.
    public var isCheckpointDue: Bool { writer.isCheckpointDue }

    /// Says that the hardware TPM has this checkpoint, so that the chain before it can go.
    public func confirm(_ checkpoint: Checkpoint) throws(StoreFailure) { try writer.confirm(checkpoint) }

    /// Throws unless the store is what it was at the checkpoint, or grew from that: it may be
    /// ``StoreFailure/olderThanCheckpoint(sequence:expected:)`` or ``StoreFailure/forked(sequence:)``.
    public func verify(_ checkpoint: Checkpoint) throws(StoreFailure) {
        try writer.read { [writer] db in try writer.look { $0.chain }.check(checkpoint, in: db) }
    }

    /// Has SQLite check the file (`integrity_check`), and reads and checks all rows. Nothing is written meanwhile.
    public func checkIntegrity() throws(StoreFailure) {
        try writer.read { [writer] db in
            let findings = try String.fetchAll(db, sql: "PRAGMA integrity_check(10)")
            guard findings == ["ok"] else {
                throw StoreFailure.damaged(writer.directory, detail: findings.joined(separator: "; "))
            }
            guard try StoreContents(db, writer.keys).chain.last == writer.look({ $0.chain.last }) else {
                throw RowError(what: "its last commit is another", isForgery: true)
            }
        }
    }

    /// The integrity key, encrypted, as it was given last.
    public var wrappings: [Wrapping] { writer.look { $0.store.wrappings } }

    /// Replaces the encrypted integrity keys.
    public func setWrappings(_ wrappings: [Wrapping]) throws(StoreFailure) {
        let wrappings = try wrappings.canonical()
        try writer.change { draft in
            var row = draft.storeRow()
            row.wrappings = wrappings
            row.version = try row.version.next()
            try draft.put(row)
        }
    }
}

extension Int64 {
    /// The version of a row that changes.
    func next() throws(StoreFailure) -> Int64 {
        let (next, overflow) = addingReportingOverflow(1)
        guard !overflow else { throw .cryptography("the versions of a row ran out") }
        return next
    }
}

extension [Wrapping] {
    /// In the order in which they are read back; throws when two have one label.
    func canonical() throws(StoreFailure) -> [Wrapping] {
        for wrapping in self {
            try StoreName.check(wrapping.label)
            guard wrapping.blob.count <= StoreLimits.recordSize else {
                throw .tooLarge(bytes: wrapping.blob.count, limit: StoreLimits.recordSize)
            }
        }
        let sorted = sorted { $0.label.utf8.lexicographicallyPrecedes($1.label.utf8) }
        for (one, other) in zip(sorted, sorted.dropFirst()) where one.label == other.label {
            throw .nameTaken(one.label)
        }
        return sorted
    }
}

/// What may be a name of a guest or a group, or a label.
enum StoreName {
    static func check(_ name: String) throws(StoreFailure) {
        let isGood =
            1...StoreLimits.nameSize ~= name.utf8.count
            && name.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
        guard isGood else { throw .invalidName(name) }
    }
}
