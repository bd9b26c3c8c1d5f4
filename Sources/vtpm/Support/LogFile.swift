import Foundation
import Glibc
import Logging

/// A log of lines in a file or on an open descriptor, which stays open as long as the process.
struct LogFile: Sendable {
    static let standardError = LogFile(descriptor: STDERR_FILENO)

    private let descriptor: Int32
    private let prefix: String

    /// - Parameter prefix: what stands before each line.
    init(descriptor: Int32, prefix: String = "") {
        self.descriptor = descriptor
        self.prefix = prefix
    }

    /// Each line of the text, as far as they can be written. Lines of one call stay together.
    func write(_ text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: true)
        Output.write(lines.map { "\(prefix)\($0)\n" }.joined(), to: descriptor)
    }
}

/// Writes the messages of one log to a ``LogFile``.
struct LogFileHandler: LogHandler {
    let file: LogFile
    let form: LogForm
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]

    init(file: LogFile, form: LogForm, logLevel: Logger.Level) {
        self.file = file
        self.form = form
        self.logLevel = logLevel
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let attached = metadata.merging(event.metadata ?? [:]) { $1 }
        file.write(form.text(of: "\(event.message)", event.level, attached, at: Date()))
    }
}
