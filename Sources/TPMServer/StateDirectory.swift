import Glibc
import TPMCrypto
import TPMEngine

/// A directory with the lasting state of one TPM.
///
/// | file | holds |
/// |---|---|
/// | `tpm.state` | the state, as `TPMState.serialised()` writes it |
/// | `tpm.state.new` | the next state while it is being written; a leftover is removed |
/// | `lock` | nothing; it is locked while a process serves the state, and stays |
///
/// A state is replaced whole: written to the second file, synced, renamed to the first, and the directory synced.
public final class StateDirectory: StateStore {
    private static let stateName = "tpm.state"
    private static let temporaryName = "tpm.state.new"
    private static let lockName = "lock"
    /// Many times what the fullest TPM needs: a file above it is none of ours, and is not read.
    private static let maximumSize = 16 << 20

    private let path: String
    private let directory: OpenFile
    private let lock: OpenFile

    /// Opens the directory at `path`, makes it (mode 0700) when its parent is there, and locks it for as long as
    /// this object lives.
    public init(_ path: String) throws(StoreError) {
        let isNew = mkdir(path, 0o700) == 0
        guard isNew || errno == EEXIST else {
            throw StoreError("The state directory \(path) cannot be made: \(lastError()). Make its parent first.")
        }
        guard let directory = OpenFile(path, O_RDONLY | O_DIRECTORY) else {
            throw StoreError("The state directory \(path) cannot be opened: \(lastError()).")
        }
        // A directory that a power cut takes away takes the state along.
        guard !isNew || OpenFile("..", O_RDONLY | O_DIRECTORY, in: directory)?.sync() == true else {
            throw StoreError("The parent of the state directory \(path) cannot be synced: \(lastError()).")
        }
        guard let lock = OpenFile(Self.lockName, O_RDWR | O_CREAT | O_NOFOLLOW, in: directory) else {
            throw StoreError("The lock file \(path)/\(Self.lockName) cannot be opened: \(lastError()).")
        }
        guard flock(lock.descriptor, LOCK_EX | LOCK_NB) == 0 else {
            guard errno == EWOULDBLOCK else {
                throw StoreError("The file \(path)/\(Self.lockName) cannot be locked: \(lastError()).")
            }
            throw StoreError(
                "The TPM in \(path) is being served by another process: end that one first, or use another directory.")
        }
        self.path = path
        self.directory = directory
        self.lock = lock
        // Whoever left it died before it was renamed: its command was never answered.
        unlinkat(self.directory.descriptor, Self.temporaryName, 0)
    }

    public func load() throws(StoreError) -> TPMState? {
        let file = "\(path)/\(Self.stateName)"
        guard let handle = OpenFile(Self.stateName, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, in: directory) else {
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
        do {
            return try TPMState(serialised: bytes)
        } catch {
            throw StoreError(
                "\(file) \(error). It was left as it is: put a good copy in its place, or move it away to begin with a "
                    + "new TPM.")
        }
    }

    public func save(_ state: TPMState) throws(StoreError) {
        let bytes: Secret
        do { bytes = try state.serialised() } catch {
            throw StoreError("The TPM's state \(path)/\(Self.stateName) \(error).")
        }
        let isSafe =
            write(bytes)
            && renameat(directory.descriptor, Self.temporaryName, directory.descriptor, Self.stateName) == 0
            && directory.sync()
        guard isSafe else {
            let reason = lastError()
            unlinkat(directory.descriptor, Self.temporaryName, 0)
            throw StoreError(
                "The TPM's state \(path)/\(Self.stateName) cannot be saved: \(reason). Make room or repair the disk, "
                    + "then start the TPM again.")
        }
    }

    /// Puts the bytes into the temporary file, and on disk; false leaves the reason in `errno`.
    private func write(_ bytes: Secret) -> Bool {
        guard let handle = OpenFile(Self.temporaryName, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, in: directory)
        else { return false }
        return handle.write(bytes) && handle.sync()
    }
}
