import Logging

/// A log of lines in a file or on an open descriptor, which stays open as long as the process.
struct LogFile: Sendable {
    private let descriptor: Int32
    private let prefix: String

    /// - Parameter prefix: what stands before each line.
    init(descriptor: Int32, prefix: String) {
        self.descriptor = descriptor
        self.prefix = prefix
    }

    /// Each line of the text, as far as they can be written. Lines of one call stay together.
    func write(_ text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: true)
        Output.write(lines.map { "\(prefix)\($0)\n" }.joined(), to: descriptor)
    }
}

/// Writes the messages of one log, without what the caller attached to them, to a ``LogFile``.
struct LogFileHandler: LogHandler {
    let file: LogFile
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { file.write("\(event.message)") }
}
