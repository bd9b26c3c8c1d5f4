import Glibc
import Logging
import TPMServer

/// The log that --log asks for.
struct SwtpmLog {
    let logger: Logger
    /// Writes down each command, where the level asks for it.
    let trace: CommandTrace?
    /// True when who started the program sees the log as it is.
    private let isOnStandardError: Bool

    /// From which level on the commands are written down.
    private static let traceLevel = 5

    init(_ log: SwtpmConfiguration.Log) throws(SwtpmError) {
        isOnStandardError = log.target == .standardError
        var prefix = log.prefix.map { "\($0) " } ?? ""
        let descriptor: Int32
        switch log.target {
        case .nowhere:
            logger = Logger(label: "swtpm") { _ in SwiftLogNoOpLogHandler() }
            trace = nil
            return
        case .standardError:
            prefix += "swtpm: "
            descriptor = STDERR_FILENO
        case .file(.descriptor(let number), let truncates): descriptor = try Self.keep(number, truncates)
        case .file(.path(let path), let truncates): descriptor = try Self.open(path, truncates)
        }
        let file = LogFile(descriptor: descriptor, prefix: prefix)
        let level = Self.level(log.level)
        logger = Logger(label: "swtpm") { _ in LogFileHandler(file: file, form: .message, logLevel: level) }
        trace = log.level >= Self.traceLevel ? CommandTrace { file.write($0) } : nil
    }

    /// Writes down why the program ends, where its last words on standard error would not be read.
    func note(failure error: any Error) {
        if !isOnStandardError { logger.error("\(error)") }
    }

    private static func level(_ number: Int) -> Logger.Level {
        switch number {
        case 0: .error
        case 1: .notice
        case 2...4: .debug
        default: .trace
        }
    }

    /// A file that others may not read and that is no link.
    private static func open(_ path: String, _ truncates: Bool) throws(SwtpmError) -> Int32 {
        let flags = O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC | (truncates ? O_TRUNC : 0)
        let descriptor = Glibc.open(path, flags, 0o600)
        guard descriptor >= 0 else {
            throw SwtpmError("--log: the file \(path) cannot be opened: \(FileError.reason()).")
        }
        return descriptor
    }

    /// A number of its own, as a daemon gives up those of its standard output and error.
    private static func keep(_ number: Int32, _ truncates: Bool) throws(SwtpmError) -> Int32 {
        let descriptor = fcntl(number, F_DUPFD_CLOEXEC, 3)
        guard descriptor >= 0 else {
            throw SwtpmError("--log: the descriptor \(number) cannot be used: \(FileError.reason()).")
        }
        guard !truncates || ftruncate(descriptor, 0) == 0 else {
            throw SwtpmError("--log: the file of descriptor \(number) cannot be truncated: \(FileError.reason()).")
        }
        return descriptor
    }
}
