import TPMServer
import TPMWire

/// Why the store refused or failed, as a sentence that says what to do.
public enum StoreFailure: Error, Equatable, CustomStringConvertible {
    // MARK: The files
    /// There is no store in the directory.
    case missing(String)
    /// The directory has a store, and another was to be made.
    case exists(String)
    /// Another process, or another store of this one, has it open.
    case inUse(String)
    /// Others than the owner can read or change a file or directory.
    case exposed(String)
    /// The file is another program's, or none of SQLite's.
    case foreign(String)
    /// A later version of this program wrote it.
    case newerSchema(String)
    /// SQLite, or what reads its rows, found something that it would never have written.
    case damaged(String, detail: String)

    // MARK: The disk
    /// No room, or no more of it for this user.
    case diskFull(String)
    /// The file system takes no writes.
    case readOnly(String)
    /// The files that are open are no longer the ones at their path.
    case gone(String)
    /// Any other failure to read or write.
    case unusable(String, reason: String)

    // MARK: What the chain tells
    case wrongIntegrityKey(String)
    /// The store's contents, or its chain, are not what was committed.
    case altered(String, detail: String)
    /// The store ends before the checkpoint: it is a copy from earlier.
    case olderThanCheckpoint(sequence: UInt64, expected: UInt64)
    /// The store has another history than the one that the checkpoint is of.
    case forked(sequence: UInt64)

    // MARK: What was asked
    case noGuest(String)
    case noGroup(String)
    case nameTaken(String)
    case invalidName(String)
    case groupClosed(String)
    case wrongGroupKey(String)
    case groupHasGuests(String)
    /// The TPM of the guest of this name is locked, by somebody else than who asks.
    case served(String)
    /// Nobody locked the TPM of the guest of this name, or somebody else served it since.
    case notLocked(String)
    case tooLarge(bytes: Int, limit: Int)
    case cryptography(String)
    /// The store was closed.
    case closed

    public var description: String {
        switch self {
        case .missing(let path): "There is no store in \(path). Make one first, or name the directory that has it."
        case .exists(let path): "There is a store in \(path) already. Open it, or name another directory."
        case .inUse(let path):
            "The store in \(path) is being used by another process: end that one first, or use another directory."
        case .exposed(let path):
            "\(path) is open to others than its owner, or belongs to somebody else. Make it the manager's own, with "
                + "mode 0700 for a directory and 0600 for a file, after making sure that nobody changed what is in it."
        case .foreign(let path):
            "\(path) is not a store of this program. It was left as it is: name another directory, or move it away."
        case .newerSchema(let path):
            "The store in \(path) was written by a newer version of this program. Use that version or a later one."
        case .damaged(let path, let detail):
            "The store in \(path) is damaged (\(detail)). It was left as it is: put the last good copy in its place."
        case .diskFull(let path):
            "There is no room on the disk of \(path). Make room, and the store goes on by itself."
        case .readOnly(let path):
            "\(path) cannot be written to: its file system is mounted read-only. Mount it for writing, and the store "
                + "goes on by itself."
        case .gone(let path):
            "The store that was open is no longer in \(path). Put it back, and it goes on by itself."
        case .unusable(let path, let reason):
            "The store in \(path) cannot be used: \(reason). When that is put right, it goes on by itself."
        case .wrongIntegrityKey(let path):
            "The integrity key is not that of the store in \(path): it is another store's, or was made anew since."
        case .altered(let path, let detail):
            "The store in \(path) was changed by something else than this program (\(detail)). Put the last good copy "
                + "in its place, and find out who changed it."
        case .olderThanCheckpoint(let sequence, let expected):
            "The store is an old copy: it ends at commit \(sequence), and the hardware TPM saw commit \(expected). Put "
                + "the newest copy in its place."
        case .forked(let sequence):
            "The store has another history than the one of which the hardware TPM saw commit \(sequence): an old copy "
                + "was gone on with, here or elsewhere, or the checkpoint is another store's. Use the store that the "
                + "hardware TPM saw last."
        case .noGuest(let name): "There is no guest \(name)."
        case .noGroup(let name): "There is no group \(name)."
        case .nameTaken(let name): "The name \(name) is taken. Choose another."
        case .invalidName(let name):
            "\(name.debugDescription) cannot be a name. One has 1 to \(StoreLimits.nameSize) bytes of UTF-8 and no "
                + "control characters."
        case .groupClosed(let name): "The group \(name) is closed: open it with its key first."
        case .wrongGroupKey(let name): "The key is not that of the group \(name)."
        case .groupHasGuests(let name): "The group \(name) still has guests. Destroy them first."
        case .served(let name): "The TPM of the guest \(name) is being served already. Stop the guest first."
        case .notLocked(let name):
            "The TPM of the guest \(name) is not locked by who saves it, or was served by somebody else meanwhile."
        case .tooLarge(let bytes, let limit): "\(bytes) bytes are too many for one record; the limit is \(limit)."
        case .cryptography(let what): "The store's cryptography failed: \(what)."
        case .closed: "The store was closed."
        }
    }

    /// What the server of a TPM hears.
    var asStoreError: StoreError {
        if case .diskFull = self { StoreError(description, result: .noSpace) } else { StoreError(description) }
    }
}

/// What the store takes at most.
enum StoreLimits {
    /// Bytes of a name.
    static let nameSize = 255
    /// Bytes of a record, many times what the fullest TPM needs.
    static let recordSize = 16 << 20
    /// Bytes that SQLite reads or writes in one value: a record with what encryption adds.
    static let valueSize = recordSize + 1024
    /// Events of one guest; the oldest goes when there are more.
    static let events = 128
    /// Characters of the text of an event; what is longer is cut.
    static let eventText = 1000
    /// Entries of the chain that are kept one by one.
    static let chain = 16_384
}
