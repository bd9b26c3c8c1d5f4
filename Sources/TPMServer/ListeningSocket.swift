import Glibc

/// Why an address cannot be listened at, as a sentence.
public struct ListenError: Error, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}

/// Who may connect to a Unix socket, by the permissions of its file.
public struct SocketPermissions: Sendable, Equatable {
    /// The file's owner alone unless it says otherwise.
    public var mode: mode_t = 0o600
    /// Nil leaves the file to who made it.
    public var owner: uid_t?
    public var group: gid_t?

    public init(mode: mode_t = 0o600, owner: uid_t? = nil, group: gid_t? = nil) {
        self.mode = mode
        self.owner = owner
        self.group = group
    }
}

/// A socket that is bound and listens. The file of a Unix socket that it made goes when this object dies.
package final class ListeningSocket: Sendable {
    package let descriptor: Int32
    /// With the port that the system chose, where 0 was asked for.
    package let address: ListenAddress
    private let file: FileIdentity?

    package init(_ address: ListenAddress, _ permissions: SocketPermissions = SocketPermissions()) throws(ListenError) {
        switch address {
        case .unix(let path):
            descriptor = try Self.bindUnix(path, permissions)
            file = FileIdentity(path)
            self.address = address
        case .tcp(let host, let port):
            descriptor = try Self.bindTCP(host, port)
            file = nil
            self.address = .tcp(host: host, port: Self.port(of: descriptor) ?? port)
        }
        makeNonBlocking(descriptor)
        guard listen(descriptor, 64) == 0 else { throw ListenError("Nobody can listen at \(address): \(lastError()).") }
    }

    /// Takes over a socket that listens.
    init(_ descriptor: Int32) throws(ListenError) {
        guard StreamSocket(descriptor) == .listening else {
            throw ListenError("The descriptor \(descriptor) is no socket that listens.")
        }
        self.descriptor = descriptor
        file = nil
        makeNonBlocking(descriptor)
        address =
            Self.port(of: descriptor).map { .tcp(host: "descriptor", port: $0) }
            ?? .unix(path: "descriptor \(descriptor)")
    }

    deinit {
        close(descriptor)
        // Not another's, who took the place meanwhile.
        if case .unix(let path) = address, file != nil, file == FileIdentity(path) { unlink(path) }
    }

    /// The next client; nil when none waits, or none can be taken.
    func accept() -> Int32? {
        let client = Glibc.accept(descriptor, nil, nil)
        guard client >= 0 else { return nil }
        makeNonBlocking(client)
        if case .tcp = address {
            Self.set(client, Int32(IPPROTO_TCP), TCP_NODELAY)
            // A machine that vanished must not hold its place for ever.
            Self.set(client, SOL_SOCKET, SO_KEEPALIVE)
        }
        return client
    }

    @discardableResult
    private static func set(_ socket: Int32, _ level: Int32, _ option: Int32) -> Bool {
        var on: Int32 = 1
        return setsockopt(socket, level, option, &on, socklen_t(MemoryLayout<Int32>.size)) == 0
    }
}

// MARK: - TCP

extension ListeningSocket {
    private static func bindTCP(_ host: String, _ port: UInt16) throws(ListenError) -> Int32 {
        let address = ListenAddress.tcp(host: host, port: port)
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
        var found: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, String(port), &hints, &found)
        guard status == 0 else {
            throw ListenError("The host of \(address) cannot be found: \(String(cString: gai_strerror(status))).")
        }
        defer { freeaddrinfo(found) }
        var reason = "it has no address"
        var next = found
        while let candidate = next?.pointee {
            let descriptor = socket(candidate.ai_family, candidate.ai_socktype, candidate.ai_protocol)
            if descriptor >= 0 {
                set(descriptor, SOL_SOCKET, SO_REUSEADDR)
                if bind(descriptor, candidate.ai_addr, candidate.ai_addrlen) == 0 { return descriptor }
            }
            reason = lastError()
            if descriptor >= 0 { close(descriptor) }
            next = candidate.ai_next
        }
        throw ListenError("Nobody can listen at \(address): \(reason).")
    }

    private static func port(of descriptor: Int32) -> UInt16? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let status = withUnsafeMutableBytes(of: &storage) { bytes in
            getsockname(descriptor, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress, &length)
        }
        guard status == 0, [AF_INET, AF_INET6].contains(Int32(storage.ss_family)) else { return nil }
        // sin_port and sin6_port stand at the same place.
        return withUnsafeBytes(of: storage) { $0.loadUnaligned(fromByteOffset: 2, as: UInt16.self) }.bigEndian
    }
}

// MARK: - Unix

extension ListeningSocket {
    private static func bindUnix(_ path: String, _ permissions: SocketPermissions) throws(ListenError) -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw ListenError("No Unix socket can be made: \(lastError()).") }
        do throws(ListenError) {
            try makeRoom(path)
            // On Linux the file gets the socket's mode.
            guard fchmod(descriptor, permissions.mode) == 0,
                try UnixAddress(path).use({ Glibc.bind(descriptor, $0, $1) }) == 0
            else { throw ListenError("Nobody can listen at unix:\(path): \(lastError()).") }
            try giveAway(path, permissions)
        } catch {
            close(descriptor)
            throw error
        }
        return descriptor
    }

    /// Gives the file its owner and, beyond the process's umask, its mode; nobody can connect yet.
    private static func giveAway(_ path: String, _ permissions: SocketPermissions) throws(ListenError) {
        let owned =
            permissions.owner == nil && permissions.group == nil
            || lchown(path, permissions.owner ?? .max, permissions.group ?? .max) == 0
        guard owned, chmod(path, permissions.mode) == 0 else {
            let reason = lastError()
            unlink(path)
            throw ListenError("The socket unix:\(path) cannot get its owner and mode: \(reason).")
        }
    }

    /// Removes a socket file that a dead process left behind; refuses to touch anything else.
    private static func makeRoom(_ path: String) throws(ListenError) {
        guard let file = FileIdentity(path) else { return }
        guard file.isSocket else {
            throw ListenError("\(path) is there and is no socket: move it away, or listen elsewhere.")
        }
        let probe = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(probe) }
        makeNonBlocking(probe)
        guard try UnixAddress(path).use({ Glibc.connect(probe, $0, $1) }) != 0, errno == ECONNREFUSED else {
            throw ListenError("Another process listens at unix:\(path): end that one first, or listen elsewhere.")
        }
        unlink(path)
    }
}

/// Which file a path names just now.
private struct FileIdentity: Equatable, Sendable {
    private let device: dev_t
    private let inode: ino_t
    let isSocket: Bool

    /// Nil when there is none.
    init?(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        device = status.st_dev
        inode = status.st_ino
        isSocket = status.st_mode & S_IFMT == S_IFSOCK
    }
}
