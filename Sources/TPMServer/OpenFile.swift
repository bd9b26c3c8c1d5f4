import Glibc
import TPMCrypto

/// An open file or directory, closed when it dies. What fails leaves the reason in `errno`.
package struct OpenFile: ~Copyable {
    let descriptor: Int32

    /// Opens `name`, relative to `directory` if there is one; a new file belongs to its owner alone (mode 0600).
    init?(_ name: String, _ flags: Int32, in directory: borrowing OpenFile) {
        self.init(descriptor: openat(directory.descriptor, name, flags | O_CLOEXEC, 0o600))
    }

    package init?(_ path: String, _ flags: Int32) {
        self.init(descriptor: open(path, flags | O_CLOEXEC, 0o600))
    }

    private init?(descriptor: Int32) {
        guard descriptor >= 0 else { return nil }
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// Size in bytes; nil for a directory, a device or a pipe.
    var regularFileSize: Int? {
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return Int(status.st_size)
    }

    /// The first `count` bytes, or as many as there are.
    package func read(_ count: Int) -> [UInt8]? {
        var failed = false
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let length = Glibc.read(descriptor, buffer.baseAddress?.advanced(by: filled), count - filled)
                if length < 0, errno == EINTR { continue }
                failed = length < 0
                guard length > 0 else { return }
                filled += length
            }
        }
        return failed ? nil : bytes
    }

    /// Writes all bytes.
    func write(_ bytes: Secret) -> Bool {
        bytes.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty {
                let length = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if length < 0, errno == EINTR { continue }
                guard length > 0 else { return false }
                rest = rest.dropFirst(length)
            }
            return true
        }
    }

    /// Returns when what was written is on disk.
    func sync() -> Bool { fsync(descriptor) == 0 }
}

/// The reason of the last system call that failed.
package func lastError() -> String { String(cString: strerror(errno)) }
