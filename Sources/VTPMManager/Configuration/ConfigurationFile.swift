import Glibc
import TPMCrypto
import TPMServer

/// Why a configuration is refused, as a sentence that names the file, the key and what is allowed.
public struct ConfigurationError: Error, CustomStringConvertible, Equatable {
    public let description: String

    init(_ description: String) { self.description = description }
}

/// The files that a configuration consists of.
enum ConfigurationFile {
    private static let limit = 1 << 20
    private static let passphraseLimit = 64 << 10

    /// The text of the file; nil when there is none and none is needed.
    static func read(_ path: String, mayBeMissing: Bool) throws(ConfigurationError) -> String? {
        guard let bytes = bytes(of: path, limit) else {
            if errno == ENOENT, mayBeMissing { return nil }
            throw ConfigurationError("\(path): the configuration cannot be read: \(lastError()).")
        }
        guard bytes.count <= limit else {
            throw ConfigurationError("\(path): a configuration has at most \(limit) bytes, and this file has more.")
        }
        // A string with a zero byte would end there for the parser.
        guard !bytes.contains(0), let text = String(validating: bytes, as: UTF8.self) else {
            throw ConfigurationError("\(path): the configuration is not text in UTF-8.")
        }
        return text
    }

    /// The first line of a file.
    static func passphrase(_ path: String) throws(ConfigurationError) -> Secret {
        guard var bytes = bytes(of: path, passphraseLimit) else {
            throw ConfigurationError("\(path): the passphrase cannot be read: \(lastError()).")
        }
        defer { wipe(&bytes) }
        guard bytes.count <= passphraseLimit else {
            throw ConfigurationError("\(path): a file with a passphrase has at most \(passphraseLimit) bytes.")
        }
        return Secret(bytes).firstLine
    }

    /// One byte more than the limit shows that the file is too long.
    private static func bytes(of path: String, _ limit: Int) -> [UInt8]? {
        guard let file = OpenFile(path, O_RDONLY) else { return nil }
        return file.read(limit + 1)
    }
}
