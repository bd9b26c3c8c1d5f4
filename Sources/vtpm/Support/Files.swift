import Glibc
import TPMCrypto

/// What went wrong with a file, in one sentence.
struct FileError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }

    /// What the system says about the last call that failed.
    static func reason() -> String { String(cString: strerror(errno)) }
}

/// Whole files in and out; `-` is standard input or output.
enum Files {
    /// Reads a file of at most `limit` bytes.
    static func read(_ path: String, limit: Int = 1 << 20) throws -> Secret {
        try read(try openFile(path), path, limit)
    }

    /// Reads from an open descriptor to the end, at most `limit` bytes, and closes it.
    static func read(descriptor: Int32, limit: Int) throws -> Secret {
        try read(descriptor, "descriptor \(descriptor)", limit)
    }

    private static func read(_ file: Int32, _ name: String, _ limit: Int) throws -> Secret {
        var bytes: [UInt8] = []
        // To grow would leave copies behind that nobody wipes.
        bytes.reserveCapacity(limit)
        defer { wipe(&bytes) }
        try eachPart(of: file, name) { part in
            guard bytes.count + part.count <= limit else { throw FileError("\(name) is longer than \(limit) bytes") }
            bytes += part
        }
        return Secret(bytes)
    }

    /// Removes a file.
    static func remove(_ path: String) throws {
        guard unlink(path) == 0 else { throw FileError("cannot remove \(path): \(FileError.reason())") }
    }

    /// The SHA-1 of a file of any size.
    static func digest(_ path: String) throws -> Digest {
        var hash = SHA1()
        try eachPart(of: try openFile(path), path) { hash.update($0) }
        return hash.finalize()
    }

    private static func openFile(_ path: String) throws -> Int32 {
        let file = path == "-" ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw FileError("cannot open \(path): \(FileError.reason())") }
        return file
    }

    /// Reads to the end, and closes the file.
    private static func eachPart(
        of file: Int32, _ name: String, _ body: (ArraySlice<UInt8>) throws -> Void
    ) throws {
        defer { close(file) }
        var part = [UInt8](repeating: 0, count: 64 << 10)
        defer { wipe(&part) }
        while true {
            let count = Glibc.read(file, &part, part.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw FileError("cannot read \(name): \(FileError.reason())") }
            guard count > 0 else { return }
            try body(part[..<count])
        }
    }

    /// The first line of a file, without its end.
    static func readPassphrase(_ path: String) throws -> Secret {
        try read(path, limit: 64 << 10).firstLine
    }

    /// Writes a file whole or not at all: a temporary beside it, safe on disk, takes its name.
    static func write(_ bytes: Secret, to path: String, mode: mode_t) throws {
        if path == "-" { return try put(bytes, to: STDOUT_FILENO, "standard output") }
        let temporary = "\(path).\(getpid()).new"
        let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard file >= 0 else { throw FileError("cannot create \(temporary): \(FileError.reason())") }
        do {
            defer { close(file) }
            try put(bytes, to: file, temporary)
            guard fsync(file) == 0 else { throw FileError("cannot write \(temporary): \(FileError.reason())") }
            guard rename(temporary, path) == 0 else { throw FileError("cannot replace \(path): \(FileError.reason())") }
        } catch {
            unlink(temporary)
            throw error
        }
    }

    private static func put(_ bytes: Secret, to file: Int32, _ name: String) throws {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress?.advanced(by: done), $0.count - done) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw FileError("cannot write \(name): \(FileError.reason())") }
            done += count
        }
    }
}
