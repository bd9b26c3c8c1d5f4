import Foundation
import Glibc
import TPMClient

/// A server for one test on a thread of its own: it hands each connection to `serve`, which may behave as badly as
/// it likes, and closes it afterwards.
final class SocketServer: Sendable {
    let address: TPMAddress
    private let listener: Int32

    /// - Parameter serve: a connection's descriptor.
    init(unix: Bool = true, serve: @escaping @Sendable (Int32) -> Void) throws {
        let path = NSTemporaryDirectory() + "vtpm-\(UUID().uuidString.prefix(8))"
        let listener = socket(unix ? AF_UNIX : AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.listener = listener
        if unix {
            var name = sockaddr_un()
            name.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: path.utf8) }
            try Self.bind(listener, &name)
            address = .unix(path: path)
        } else {
            var name = sockaddr_in()
            name.sin_family = sa_family_t(AF_INET)
            name.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            try Self.bind(listener, &name)
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            withUnsafeMutablePointer(to: &name) {
                _ = $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(listener, $0, &size) }
            }
            address = .tcp(host: "localhost", port: UInt16(bigEndian: name.sin_port))
        }
        Thread.detachNewThread {
            while case let connection = accept(listener, nil, nil), connection >= 0 {
                serve(connection)
                close(connection)
            }
            // Here and not before, or the loop could accept what another test's socket of the same number gets.
            close(listener)
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        if case .unix(let path) = address { unlink(path) }
    }

    private static func bind<Name>(_ listener: Int32, _ name: inout Name) throws {
        let size = socklen_t(MemoryLayout<Name>.size)
        let done = withUnsafePointer(to: &name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.bind(listener, $0, size) }
        }
        guard done == 0, listen(listener, 1) == 0 else { throw POSIXError(.EADDRINUSE) }
    }

    /// Answers every command with the same pieces, each written on its own.
    static func answering(_ pieces: [UInt8]...) throws -> SocketServer {
        try SocketServer { connection in
            while command(from: connection) != nil {
                for piece in pieces { send(connection, piece) }
            }
        }
    }

    /// The next command, nil at the end of the connection.
    static func command(from connection: Int32) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(connection, &bytes, bytes.count)
        return count > 0 ? Array(bytes[..<count]) : nil
    }

    static func send(_ connection: Int32, _ bytes: [UInt8]) {
        _ = Glibc.send(connection, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }
}
