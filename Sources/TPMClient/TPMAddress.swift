/// Where a TPM answers: `tcp:HOST:PORT` (an IPv6 address in brackets), `unix:PATH`, or the path of a character
/// device such as `/dev/tpm0`.
public enum TPMAddress: Hashable, Sendable, CustomStringConvertible {
    case tcp(host: String, port: UInt16)
    case unix(path: String)
    case device(path: String)

    /// Reads the written form.
    ///
    /// - Throws: ``ClientError/transport(_:)`` with a sentence that says what is wrong with it.
    public init(_ text: String) throws(ClientError) {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst(5))
            guard Self.isPath(path) else { throw .transport("\(text): no path follows unix:") }
            self = .unix(path: path)
        } else if text.hasPrefix("tcp:") {
            self = try Self.tcp(text)
        } else {
            guard Self.isPath(text), text.contains("/") else {
                throw .transport("\(text): not a TPM's address; write tcp:HOST:PORT, unix:PATH or a device's path")
            }
            self = .device(path: text)
        }
    }

    public var description: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "tcp:[\(host)]:\(port)" : "tcp:\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        case .device(let path): path
        }
    }

    /// Connects to the TPM, or opens its device.
    ///
    /// - Parameter timeout: how long one command may take. A hardware TPM makes a key in a minute or more.
    public func open(timeout: Duration = .seconds(300)) throws(ClientError) -> any Transport {
        switch self {
        case .tcp, .unix: try SocketTransport(self, timeout: timeout)
        case .device(let path): try DeviceTransport(path: path)
        }
    }

    private static func tcp(_ text: String) throws(ClientError) -> TPMAddress {
        let rest = text.dropFirst(4)
        guard let colon = rest.lastIndex(of: ":"), let port = UInt16(rest[rest.index(after: colon)...]), port > 0 else {
            throw .transport("\(text): tcp:HOST:PORT has a port from 1 to 65535")
        }
        var host = rest[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            throw .transport("\(text): an IPv6 address stands in brackets, as in tcp:[::1]:\(port)")
        }
        guard isPath(String(host)) else { throw .transport("\(text): tcp:HOST:PORT names a host") }
        return .tcp(host: String(host), port: port)
    }

    /// Whether C takes the text as it is.
    private static func isPath(_ text: String) -> Bool { !text.isEmpty && !text.utf8.contains(0) }
}
