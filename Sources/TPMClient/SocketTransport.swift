import Glibc

/// A TPM behind a TCP or Unix socket that takes raw commands and answers each.
///
/// After an error the stream is out of step, so the connection is closed and every further command refused.
public final class SocketTransport: Transport {
    private let address: TPMAddress
    private let timeout: Duration
    private var connection: Descriptor?

    /// Connects. A device has no socket: ``DeviceTransport`` opens it.
    ///
    /// - Parameter timeout: how long connecting may take, and then each command.
    public init(_ address: TPMAddress, timeout: Duration = .seconds(300)) throws(ClientError) {
        self.address = address
        self.timeout = timeout
        connection =
            switch address {
            case .tcp(let host, let port): try Self.connect(address, host: host, port: port, timeout)
            case .unix(let path): try Self.connect(address, path: path, timeout)
            case .device: throw .transport("\(address): not a socket's address")
            }
    }

    public func transmit(_ command: [UInt8]) throws -> [UInt8] {
        guard let open = connection else { throw ClientError.transport("\(address): the connection is closed") }
        let deadline = Deadline(after: timeout)
        do {
            try open.write(command, until: deadline)
            return try open.readAnswer(until: deadline)
        } catch {
            connection = nil
            throw ClientError.transport("\(address): \(error.sentence)")
        }
    }
}

// MARK: - Connecting

extension SocketTransport {
    private static func connect(
        _ address: TPMAddress, path: String, _ timeout: Duration
    ) throws(ClientError) -> Descriptor {
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        let fits = withUnsafeMutableBytes(of: &name.sun_path) { target in
            guard path.utf8.count < target.count else { return false }
            target.copyBytes(from: path.utf8)
            return true
        }
        guard fits else { throw failure(address, ENAMETOOLONG) }
        let bytes = withUnsafeBytes(of: &name) { Array($0) }
        return try connect(address, family: AF_UNIX, to: bytes, timeout)
    }

    /// Tries the host's addresses in the resolver's order; the error is the last one's.
    private static func connect(
        _ address: TPMAddress, host: String, port: UInt16, _ timeout: Duration
    ) throws(ClientError) -> Descriptor {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, String(port), &hints, &list)
        guard code == 0, let list else {
            throw .transport("cannot connect to \(address): \(String(cString: gai_strerror(code)))")
        }
        defer { freeaddrinfo(list) }
        var last = ClientError.transport("cannot connect to \(address): the host has no address")
        for entry in sequence(first: list, next: { $0.pointee.ai_next }) {
            let bytes = Array(
                UnsafeRawBufferPointer(start: entry.pointee.ai_addr, count: Int(entry.pointee.ai_addrlen)))
            do {
                return try connect(address, family: entry.pointee.ai_family, to: bytes, timeout)
            } catch {
                last = error
            }
        }
        throw last
    }

    private static func connect(
        _ address: TPMAddress, family: Int32, to name: [UInt8], _ timeout: Duration
    ) throws(ClientError) -> Descriptor {
        let number = socket(family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard number >= 0 else { throw failure(address, errno) }
        let descriptor = Descriptor(number, isSocket: true)
        guard setTimeouts(number, timeout) else { throw failure(address, errno) }
        while true {
            let result = name.withUnsafeBytes { raw in
                Glibc.connect(number, raw.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count))
            }
            // Linux waits on when the call is repeated after a signal; the connection may stand by then.
            if result == 0 || errno == EISCONN { return descriptor }
            guard errno == EINTR else { throw failure(address, errno == EINPROGRESS ? ETIMEDOUT : errno) }
        }
    }

    /// The kernel's own timeouts, set once, so that a round trip needs no further call for them.
    private static func setTimeouts(_ number: Int32, _ timeout: Duration) -> Bool {
        let (seconds, attoseconds) = timeout.components
        // 0 would be no limit at all.
        var limit = timeval(
            tv_sec: max(0, Int(seconds)), tv_usec: max(1, Int(attoseconds / 1_000_000_000_000)))
        let size = socklen_t(MemoryLayout<timeval>.size)
        return setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &limit, size) == 0
            && setsockopt(number, SOL_SOCKET, SO_SNDTIMEO, &limit, size) == 0
    }

    private static func failure(_ address: TPMAddress, _ code: Int32) -> ClientError {
        .transport("cannot connect to \(address): \(Descriptor.message(code))")
    }
}
