import Glibc

/// Tells who started the process as a service how it is (sd_notify(3)).
public struct ServiceNotifier: Sendable {
    public enum Notice: Sendable, Equatable {
        /// The service does what it is for.
        case ready
        /// It begins to end.
        case stopping
        /// A sentence for people.
        case status(String)

        fileprivate var line: String {
            switch self {
            case .ready: "READY=1"
            case .stopping: "STOPPING=1"
            case .status(let sentence): "STATUS=" + sentence.map { $0.isNewline ? " " : String($0) }.joined()
            }
        }
    }

    private let path: String

    /// Nil when nobody wants to know. The environment is to be read before the process has threads that change it.
    public init?() {
        guard let path = getenv("NOTIFY_SOCKET") else { return nil }
        self.init(path: String(cString: path))
    }

    /// - Parameter path: of a Unix socket for datagrams; one that begins with `@` is in the abstract namespace. Nil for
    ///   anything else.
    init?(path: String) {
        switch path.first {
        case "/": self.path = path
        case "@" where path.utf8.count > 1: self.path = "\0" + path.dropFirst()
        default: return nil
        }
    }

    /// Sends the notices in one datagram, without waiting; false when nobody took it.
    @discardableResult
    public func send(_ notices: Notice...) -> Bool {
        guard let address = try? UnixAddress(path) else { return false }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        let text = Array(notices.map(\.line).joined(separator: "\n").utf8)
        return address.use { sendto(descriptor, text, text.count, Int32(MSG_NOSIGNAL), $0, $1) } == text.count
    }
}
