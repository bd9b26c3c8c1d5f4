/// Where clients find a TPM: `tcp:HOST:PORT`, `tcp:[IPV6]:PORT` or `unix:PATH`.
public enum ListenAddress: Sendable, Equatable, CustomStringConvertible {
    case tcp(host: String, port: UInt16)
    case unix(path: String)

    /// Nil when the text has none of the three forms.
    public init?(_ text: String) {
        if let path = text.suffix(after: "unix:"), !path.isEmpty {
            self = .unix(path: String(path))
            return
        }
        guard let rest = text.suffix(after: "tcp:"), let colon = rest.lastIndex(of: ":"),
            let port = UInt16(rest[rest.index(after: colon)...])
        else { return nil }
        var host = rest[..<colon]
        if host.first == "[", host.last == "]", host.count > 2 {
            host = host.dropFirst().dropLast()
        } else if host.contains(where: { ":[]".contains($0) }) {
            return nil
        }
        guard !host.isEmpty else { return nil }
        self = .tcp(host: String(host), port: port)
    }

    public var description: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "tcp:[\(host)]:\(port)" : "tcp:\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }
}

extension String {
    /// What follows `prefix`; nil when the text does not begin with it.
    fileprivate func suffix(after prefix: String) -> Substring? {
        hasPrefix(prefix) ? dropFirst(prefix.count) : nil
    }
}
