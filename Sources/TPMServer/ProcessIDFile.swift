import Glibc
import TPMCrypto

/// A file with the number of this process, in decimal digits; it goes when this object dies.
public final class ProcessIDFile {
    private let path: String
    private let content = Array("\(getpid())".utf8)

    /// Writes the file, with the permissions 0644 less the umask. A file that is there is overwritten, a link is not
    /// followed.
    public init(_ path: String) throws(ProcessError) {
        self.path = path
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw ProcessError("The file \(path) cannot be opened: \(lastError()).") }
        try Self.write(to: descriptor, path)
    }

    deinit {
        // Not another's, who wrote it anew meanwhile.
        if let file = OpenFile(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK), file.read(content.count + 1) == content {
            unlink(path)
        }
    }

    /// Writes the number to an open descriptor, and closes it.
    public static func write(to descriptor: Int32) throws(ProcessError) {
        try write(to: descriptor, "descriptor \(descriptor)")
    }

    private static func write(to descriptor: Int32, _ name: String) throws(ProcessError) {
        let content = Array("\(getpid())".utf8)
        let count = Glibc.write(descriptor, content, content.count)
        let reason = lastError()
        close(descriptor)
        guard count == content.count else {
            throw ProcessError("The process id cannot be written to \(name): \(count < 0 ? reason : "it is full").")
        }
    }
}
