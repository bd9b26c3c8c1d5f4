import Foundation
import GRDB
import GRDBSQLite
import Glibc
import TPMCrypto

/// The database file of a store, open for this process alone.
///
/// | file in the directory | holds |
/// |---|---|
/// | `store.sqlite` | the database |
/// | `store.sqlite-wal` | what was committed and not yet written into it; it belongs to the database and stays |
/// | `store.sqlite.new*` | a store that is being made; a leftover is removed by the next that is |
public final class StoreFile: Sendable {
    private static let name = "store.sqlite"

    /// Where the store is.
    public let directory: String
    /// The store's UUID. It is nothing to rely on before the integrity key was found to fit.
    public let id: UUID
    /// The store's integrity key, encrypted. Nothing to rely on before, either.
    public let wrappings: [Wrapping]
    private let queue: DatabaseQueue
    private let places: [Place]

    // MARK: Opening

    /// Opens the store in `directory`, and keeps every other process off.
    public init(opening directory: String) throws(StoreFailure) {
        let path = "\(directory)/\(Self.name)"
        errno = 0
        do {
            guard try Self.isOwn(directory, S_IFDIR), try Self.isOwn(path, S_IFREG) else {
                throw StoreFailure.missing(directory)
            }
            _ = try Self.isOwn(path + "-wal", S_IFREG)
            guard access(path, W_OK) == 0 else { throw StoreFailure.system(directory) }
            let queue = try DatabaseQueue(path: path, configuration: Self.configuration(directory))
            let row = try queue.writeWithoutTransaction { db in
                guard try !StoreSchema.migrator.hasBeenSuperseded(db) else {
                    throw StoreFailure.newerSchema(directory)
                }
                guard try StoreSchema.migrator.hasCompletedMigrations(db),
                    try StoreSchema.definitions(db) == StoreSchema.expectedDefinitions()
                else { throw RowError(what: "its tables are not those of this program", isForgery: false) }
                return try StoreRow.fetch(db)
            }
            self.directory = directory
            self.queue = queue
            id = row.id
            wrappings = row.wrappings
            places = try [path, path + "-wal"].map { path in
                guard let place = Place(path) else { throw StoreFailure.gone(directory) }
                return place
            }
        } catch { throw StoreFailure(error, in: directory, systemError: errno) }
    }

    /// Closes the database, with all of it in the one file where the disk permits. This object is no longer usable, and
    /// the file may be opened again.
    func close() {
        try? emptyLog()
        // It fails when a statement is in use, which none is outside of read and transaction.
        try? queue.close()
    }

    /// Moves what is in the log into the database, durably, and empties the log.
    func emptyLog() throws(StoreFailure) { _ = try read { try $0.checkpoint(.truncate) } }

    /// What SQLite is told before it touches the file.
    private static func configuration(_ directory: String) -> Configuration {
        var configuration = Configuration()
        configuration.label = "vtpm store"
        configuration.foreignKeysEnabled = false
        configuration.prepareDatabase { db in
            sqlite3_limit(db.sqliteConnection, SQLITE_LIMIT_LENGTH, Int32(StoreLimits.valueSize))
            try db.execute(
                sql: """
                    PRAGMA locking_mode = EXCLUSIVE;
                    PRAGMA trusted_schema = OFF;
                    PRAGMA cell_size_check = ON;
                    PRAGMA secure_delete = ON;
                    """)
            guard try Int64.fetchOne(db, sql: "PRAGMA application_id") == StoreSchema.applicationID else {
                throw StoreFailure.foreign("\(directory)/\(name)")
            }
            // Closing must not remove a file by its name, which may be another by then.
            var keeps: Int32 = 1
            sqlite3_file_control(db.sqliteConnection, "main", SQLITE_FCNTL_PERSIST_WAL, &keeps)
            guard try String.fetchOne(db, sql: "PRAGMA journal_mode = WAL") == "wal" else {
                throw StoreFailure.readOnly(directory)
            }
            try db.execute(sql: "PRAGMA synchronous = FULL")
        }
        return configuration
    }

    // MARK: Making

    /// Makes the directory (mode 0700) when its parent is there, and in it a store without guests or groups.
    static func make(in directory: String, integrityKey: Secret, wrappings: [Wrapping]) throws(StoreFailure) {
        do {
            if mkdir(directory, 0o700) == 0 { try sync("\(directory)/..", in: directory) }
            guard try isOwn(directory, S_IFDIR) else {
                throw StoreFailure.unusable(directory, reason: "its parent directory is missing")
            }
            let handle = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            guard handle >= 0 else { throw StoreFailure.system(directory) }
            defer { Glibc.close(handle) }
            guard flock(handle, LOCK_EX | LOCK_NB) == 0 else { throw StoreFailure.inUse(directory) }
            let path = "\(directory)/\(name)"
            guard access(path, F_OK) != 0 else { throw StoreFailure.exists(directory) }
            let temporary = path + ".new"
            let leftovers = ["", "-journal", "-wal", "-shm"].map { temporary + $0 }
            for leftover in leftovers { unlink(leftover) }
            defer { for leftover in leftovers { unlink(leftover) } }
            try fill(temporary, integrityKey: integrityKey, wrappings: wrappings)
            // A link and no renaming: that would replace a store.
            guard link(temporary, path) == 0 else {
                throw errno == EEXIST ? StoreFailure.exists(directory) : StoreFailure.system(directory)
            }
            try sync(directory, in: directory)
        } catch { throw StoreFailure(error, in: directory) }
    }

    private static func fill(_ path: String, integrityKey: Secret, wrappings: [Wrapping]) throws {
        // SQLite would make it readable for others.
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw StoreFailure.system(path) }
        Glibc.close(file)
        var configuration = Configuration()
        configuration.foreignKeysEnabled = false
        configuration.prepareDatabase { db in
            try db.execute(
                sql: "PRAGMA synchronous = FULL; PRAGMA application_id = \(StoreSchema.applicationID)")
        }
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        try StoreSchema.migrator.migrate(queue)
        let id = UUID()
        let keys = StoreKeys(integrityKey: integrityKey, store: id)
        let row = StoreRow(id: id, version: 1, keyCheck: keys.check, wrappings: wrappings)
        try queue.write { db in
            try row.put(in: db)
            try Chain.begin(row.code(keys), in: db, keys)
        }
        try queue.close()
    }

    private static func sync(_ path: String, in directory: String) throws(StoreFailure) {
        let handle = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard handle >= 0 else { throw .system(directory) }
        defer { Glibc.close(handle) }
        guard fsync(handle) == 0 else { throw .system(directory) }
    }

    // MARK: Permissions and places

    /// False when nothing is there; throws unless it is of this type and nobody else can use it.
    private static func isOwn(_ path: String, _ type: mode_t) throws(StoreFailure) -> Bool {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            guard errno == ENOENT else { throw .system(path) }
            return false
        }
        guard status.st_mode & S_IFMT == type else { throw .foreign(path) }
        guard status.st_mode & 0o077 == 0, status.st_uid == geteuid() else { throw .exposed(path) }
        return true
    }

    /// A file at a path, to be told from another there.
    private struct Place: Sendable {
        let path: String
        private let device: dev_t
        private let inode: ino_t

        init?(_ path: String) {
            var status = stat()
            guard lstat(path, &status) == 0 else { return nil }
            self.path = path
            device = status.st_dev
            inode = status.st_ino
        }

        var isStill: Bool {
            guard let now = Place(path) else { return false }
            return now.device == device && now.inode == inode
        }
    }

    // MARK: Using

    /// Reads outside of a transaction.
    func read<T>(_ body: (Database) throws -> T) throws(StoreFailure) -> T {
        do {
            return try queue.writeWithoutTransaction { db in
                errno = 0
                do { return try body(db) } catch { throw StoreFailure(error, in: directory, systemError: errno) }
            }
        } catch { throw StoreFailure(error, in: directory) }
    }

    /// Why a transaction failed.
    struct FailedTransaction: Error {
        let reason: StoreFailure
        /// True when the rows are as they were before. Otherwise the disk has them or those that were written, and only
        /// opening the file anew tells which.
        let isUndone: Bool
    }

    /// Returns when what `body` wrote is on disk, and the disk is that of the path.
    func transaction<T>(_ body: (Database) throws -> T) throws(FailedTransaction) -> T {
        let result: T
        do {
            result = try queue.writeWithoutTransaction { db in
                try db.beginTransaction(.immediate)
                errno = 0
                do {
                    let result = try body(db)
                    try db.commit()
                    return result
                } catch {
                    // SQLite forgets why a commit failed. The C library knows, until another call fails.
                    let reason = StoreFailure(error, in: directory, systemError: errno)
                    if db.isInsideTransaction { try db.rollback() }
                    let code = (error as? DatabaseError)?.resultCode.primaryResultCode
                    throw FailedTransaction(reason: reason, isUndone: code == nil || code == .SQLITE_FULL)
                }
            }
        } catch let error as FailedTransaction {
            throw error
        } catch {
            throw FailedTransaction(reason: StoreFailure(error, in: directory), isUndone: false)
        }
        guard places.allSatisfy(\.isStill) else {
            throw FailedTransaction(reason: .gone(directory), isUndone: false)
        }
        return result
    }
}

extension StoreFailure {
    /// The reason of the last system call that failed.
    static func system(_ path: String) -> StoreFailure { StoreFailure(systemError: errno, in: path) }

    fileprivate init(systemError: Int32, in path: String) {
        self =
            switch systemError {
            case ENOSPC, EDQUOT, EFBIG: .diskFull(path)
            case EROFS: .readOnly(path)
            default: .unusable(path, reason: String(cString: strerror(systemError)))
            }
    }

    /// What an error means that reached the store in `directory`.
    ///
    /// - Parameter systemError: the `errno` of SQLite's last system call, which was 0 before.
    init(_ error: any Error, in directory: String, systemError: Int32 = 0) {
        switch error {
        case let failure as StoreFailure: self = failure
        case let error as RowError where error.isForgery: self = .altered(directory, detail: error.what)
        case let error as RowError: self = .damaged(directory, detail: error.what)
        case let error as DatabaseError: self.init(error, in: directory, systemError)
        default: self = .unusable(directory, reason: "\(error)")
        }
    }

    private init(_ error: DatabaseError, in directory: String, _ systemError: Int32) {
        let message = error.message ?? "SQLite's error \(error.resultCode.rawValue)"
        switch error.resultCode.primaryResultCode {
        case .SQLITE_FULL: self = .diskFull(directory)
        case .SQLITE_READONLY: self = .readOnly(directory)
        case .SQLITE_BUSY, .SQLITE_LOCKED: self = .inUse(directory)
        case .SQLITE_NOTADB: self = .foreign(directory)
        case .SQLITE_CORRUPT, .SQLITE_ERROR, .SQLITE_SCHEMA, .SQLITE_TOOBIG, .SQLITE_MISMATCH, .SQLITE_CONSTRAINT:
            self = .damaged(directory, detail: message)
        case .SQLITE_IOERR, .SQLITE_CANTOPEN:
            let failure = StoreFailure(systemError: systemError, in: directory)
            if case .unusable = failure {
                let reason = systemError == 0 ? "" : ", " + String(cString: strerror(systemError))
                self = .unusable(directory, reason: message + reason)
            } else {
                self = failure
            }
        default: self = .unusable(directory, reason: message)
        }
    }
}
