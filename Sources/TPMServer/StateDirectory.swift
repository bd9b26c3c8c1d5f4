import Glibc
import Synchronization
import TPMCrypto
import TPMEngine

/// A directory with the lasting state of one TPM.
///
/// | file | in swtpm's place | holds |
/// |---|---|---|
/// | `tpm.state` | `tpm-00.permall` | the state, as `TPMState.serialised()` writes it, encrypted if there is a key |
/// | `tpm.volatile` | `tpm-00.volatilestate` | the volatile state of a suspended TPM, likewise; removed when it goes on |
/// | `*.new` | `*.new` | the next of either while it is being written; a leftover is removed |
/// | `lock` | `.lock` | 16 random bytes of who served the state last; locked while a process does, and stays |
///
/// A directory keeps the names that it began with, whoever opens it.
///
/// A file is replaced whole: written to the `.new` one, synced, renamed, and the directory synced.
public final class StateDirectory: StateStore {
    /// What the files are called.
    public struct Names: Sendable {
        let state: String
        let volatile: String
        let lock: String

        public static let own = Names(state: "tpm.state", volatile: "tpm.volatile", lock: "lock")
        /// What tools look for that prepare and remove the state of swtpm.
        public static let swtpm = Names(state: "tpm-00.permall", volatile: "tpm-00.volatilestate", lock: ".lock")

        /// Those of the directory, or `standard` when it has no state.
        fileprivate static func found(in directory: borrowing OpenFile, standard: Names) -> Names {
            for file in [\Names.state, \Names.lock] {
                for names in [own, swtpm]
                where faccessat(directory.descriptor, names[keyPath: file], F_OK, AT_SYMLINK_NOFOLLOW) == 0 {
                    return names
                }
            }
            return standard
        }
    }

    /// Many times what the fullest TPM needs: a file above it is none of ours, and is not read.
    static let maximumSize = 16 << 20

    private let path: String
    private let directory: OpenFile
    private let names: Names
    private let fileMode: mode_t
    private let cipher: StateCipher?
    private let locked = Mutex(Lock())

    private struct Lock: ~Copyable {
        /// Open and locked while this process serves the state.
        var file: OpenFile?
        /// What this process wrote into it, the last time that it had it.
        var token: [UInt8]?
    }

    /// Opens the directory at `path`. A lock has to follow before anything is loaded or saved.
    ///
    /// - Parameters:
    ///   - isMade: a directory that is not there is made (mode 0700) when its parent is there.
    ///   - names: what a new state's files are called.
    ///   - fileMode: the permissions of the files with a state.
    ///   - cipher: encrypts them; nil leaves them in the clear.
    public init(
        _ path: String, isMade: Bool = true, names: Names = .own, fileMode: mode_t = 0o600, cipher: StateCipher? = nil
    ) throws(StoreError) {
        let isNew = isMade && mkdir(path, 0o700) == 0
        guard isNew || !isMade || errno == EEXIST else {
            throw StoreError("The state directory \(path) cannot be made: \(lastError()). Make its parent first.")
        }
        guard let directory = OpenFile(path, O_RDONLY | O_DIRECTORY) else {
            throw StoreError("The state directory \(path) cannot be opened: \(lastError()).")
        }
        // A directory that a power cut takes away takes the state along.
        guard !isNew || OpenFile("..", O_RDONLY | O_DIRECTORY, in: directory)?.sync() == true else {
            throw StoreError("The parent of the state directory \(path) cannot be synced: \(lastError()).")
        }
        self.path = path
        self.names = Names.found(in: directory, standard: names)
        self.directory = directory
        self.fileMode = fileMode
        self.cipher = cipher
    }

    // MARK: One process at a time

    public func lock(waiting milliseconds: Int, continues: Bool) throws(StoreError) {
        var remaining = milliseconds
        while try !tryLock(continues: continues) {
            guard remaining > 0 else {
                throw StoreError(
                    "The TPM in \(path) is being served by another process: end that one first, or use another "
                        + "directory.")
            }
            usleep(10_000)
            remaining -= 10
        }
        // Whoever left them died before they were renamed: its command was never answered.
        for name in [names.state, names.volatile] { unlinkat(directory.descriptor, Self.temporary(name), 0) }
    }

    public func release() { locked.withLock { $0.file = nil } }

    /// False while another process has the lock.
    private func tryLock(continues: Bool) throws(StoreError) -> Bool {
        let name = "\(path)/\(names.lock)"
        do {
            return try locked.withLock { lock in
                guard lock.file == nil else { return true }
                guard let file = OpenFile(names.lock, O_RDWR | O_CREAT | O_NOFOLLOW, in: directory) else {
                    throw StoreError("The lock file \(name) cannot be opened: \(lastError()).")
                }
                guard flock(file.descriptor, LOCK_EX | LOCK_NB) == 0 else {
                    guard errno == EWOULDBLOCK else {
                        throw StoreError("The file \(name) cannot be locked: \(lastError()).")
                    }
                    return false
                }
                if continues, let token = lock.token {
                    guard file.read(token.count) == token else {
                        throw StoreError(
                            "The TPM in \(path) was served by another process meanwhile: what this one remembers is of "
                                + "the past. End this one.")
                    }
                } else {
                    let token = (0..<16).map { _ in UInt8.random(in: .min ... .max) }
                    guard file.write(Secret(token)) else {
                        throw StoreError("The lock file \(name) cannot be written: \(lastError()).")
                    }
                    lock.token = token
                }
                lock.file = consume file
                return true
            }
        } catch let error as StoreError {
            throw error
        } catch {
            throw StoreError("The file \(name) cannot be locked: \(error).")
        }
    }

    // MARK: The permanent state

    public func load() throws(StoreError) -> TPMState? {
        guard let bytes = try read(names.state) else { return nil }
        do throws(StateFormatError) {
            return try bytes.withArray { plain throws(StateFormatError) in try TPMState(serialised: plain) }
        } catch {
            throw StoreError(
                "\(path)/\(names.state) \(error). It was left as it is: put a good copy in its place, or move it "
                    + "away to begin with a new TPM.")
        }
    }

    public func save(_ state: TPMState) throws(StoreError) {
        let bytes: Secret
        do { bytes = try state.serialised() } catch {
            throw StoreError("The TPM's state \(path)/\(names.state) \(error).")
        }
        try write(bytes, to: names.state)
    }

    // MARK: The volatile state

    public func loadVolatile() throws(StoreError) -> Secret? { try read(names.volatile) }

    public func saveVolatile(_ bytes: Secret?) throws(StoreError) {
        if let bytes { return try write(bytes, to: names.volatile) }
        guard unlinkat(directory.descriptor, names.volatile, 0) == 0 || errno == ENOENT, directory.sync() else {
            throw StoreError("\(path)/\(names.volatile) cannot be removed: \(lastError()).")
        }
    }

    // MARK: From outside

    /// A file with a state, by the name that swtpm has for such a one, and its size in bytes.
    public struct StoredState: Equatable, Sendable {
        public let name: String
        public let size: Int
    }

    /// Which states a directory holds. It changes nothing, and does not look into them.
    public static func stored(in path: String) throws(StoreError) -> [StoredState] {
        guard let directory = OpenFile(path, O_RDONLY | O_DIRECTORY) else {
            throw StoreError("The state directory \(path) cannot be opened: \(lastError()).")
        }
        let names = Names.found(in: directory, standard: .own)
        var found: [StoredState] = []
        for (file, name) in [(names.state, "permall"), (names.volatile, "volatilestate")] {
            guard let handle = OpenFile(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, in: directory) else {
                if errno == ENOENT { continue }
                throw StoreError("The TPM's state \(path)/\(file) cannot be opened: \(lastError()).")
            }
            if let size = handle.regularFileSize { found.append(StoredState(name: name, size: size)) }
        }
        return found
    }

    // MARK: Files

    private static func temporary(_ name: String) -> String { name + ".new" }

    /// A file's contents, decrypted; nil when there is no such file.
    private func read(_ name: String) throws(StoreError) -> Secret? {
        let file = "\(path)/\(name)"
        guard let handle = OpenFile(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, in: directory) else {
            if errno == ENOENT { return nil }
            throw StoreError("The TPM's state \(file) cannot be opened: \(lastError()).")
        }
        guard let size = handle.regularFileSize, size <= Self.maximumSize else {
            throw StoreError("\(file) is no file that holds a TPM's state. Move it away, or use another directory.")
        }
        guard var bytes = handle.read(size) else {
            throw StoreError("The TPM's state \(file) cannot be read: \(lastError()).")
        }
        defer { wipe(&bytes) }
        do { return try StateCipher.open(bytes, with: cipher) } catch {
            throw StoreError("The TPM's state \(file) \(error)", result: .decryptError)
        }
    }

    /// Replaces a file by these bytes, encrypted.
    private func write(_ bytes: Secret, to name: String) throws(StoreError) {
        let temporary = Self.temporary(name)
        let sealed: Secret
        do { sealed = try cipher?.seal(bytes) ?? bytes } catch {
            throw StoreError("The TPM's state \(path)/\(name) cannot be encrypted: \(error)")
        }
        let isSafe =
            put(sealed, into: temporary)
            && renameat(directory.descriptor, temporary, directory.descriptor, name) == 0
            && directory.sync()
        guard isSafe else {
            let isFull = errno == ENOSPC || errno == EDQUOT
            let reason = lastError()
            unlinkat(directory.descriptor, temporary, 0)
            throw StoreError(
                "The TPM's state \(path)/\(name) cannot be saved: \(reason). Make room or repair the disk.",
                result: isFull ? .noSpace : .fail)
        }
    }

    /// Puts the bytes into the temporary file, and on disk; false leaves the reason in `errno`.
    private func put(_ bytes: Secret, into temporary: String) -> Bool {
        guard let handle = OpenFile(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, in: directory)
        else { return false }
        return fchmod(handle.descriptor, fileMode) == 0 && handle.write(bytes) && handle.sync()
    }
}
