import Glibc
import HardwareAnchor
import TPMCrypto

/// The file with what the anchor needs at each start.
enum MaterialFile {
    static func path(in directory: String) -> String { "\(directory)/anchor.material" }

    /// Nil when there is none.
    static func read(in directory: String) throws(ManagerError) -> AnchorMaterial? {
        let path = path(in: directory)
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard file >= 0 else {
            if errno == ENOENT { return nil }
            throw .system("\(path) cannot be opened")
        }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_mode & 0o077 == 0 else {
            throw ManagerError(.hardware, "\(path) has to be a file that its owner alone can read (mode 0600).")
        }
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        defer { wipe(&bytes) }
        let count = Glibc.read(file, &bytes, bytes.count)
        guard count >= 0 else { throw .system("\(path) cannot be read") }
        do throws(AnchorError) { return try AnchorMaterial(bytes: Secret(Array(bytes[..<count]))) } catch {
            throw ManagerError(.hardware, "\(path): \(error)")
        }
    }

    /// Writes it whole or not at all, safe from a loss of power.
    static func write(_ material: AnchorMaterial, in directory: String) throws(ManagerError) {
        let bytes: Secret
        do throws(AnchorError) { bytes = try material.bytes() } catch { throw ManagerError(error) }
        try DurableFile.write(bytes, to: path(in: directory), mode: 0o600)
    }
}

/// A file that is there whole or not at all.
enum DurableFile {
    static func write(_ bytes: Secret, to path: String, mode: mode_t) throws(ManagerError) {
        let temporary = "\(path).new"
        unlink(temporary)
        let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode)
        guard file >= 0 else { throw .system("\(temporary) cannot be made") }
        let isWritten = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) } == bytes.count
        let isSafe = isWritten && fchmod(file, mode) == 0 && fsync(file) == 0
        let reason = isSafe ? nil : ManagerError.system("\(temporary) cannot be written")
        close(file)
        if let reason {
            unlink(temporary)
            throw reason
        }
        guard rename(temporary, path) == 0 else { throw .system("\(path) cannot be replaced") }
        let directory = open(
            String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)]), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { return }
        fsync(directory)
        close(directory)
    }
}

extension ManagerError {
    /// What the system says about the last call that failed.
    static func system(_ what: String) -> ManagerError {
        ManagerError(.store, "\(what): \(String(cString: strerror(errno))).")
    }
}
