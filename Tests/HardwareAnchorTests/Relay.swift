import Foundation
import Glibc
import Synchronization
import TPMClient
import TPMCrypto

/// Stands between an anchor and its TPM, and changes answers on their way.
final class Relay: Sendable {
    /// Where it listens, with a control channel at `.ctrl` as swtpm has one.
    let socket: String
    private let target: String
    private let listeners: [Int32]
    private let change = Mutex<(@Sendable ([UInt8]) -> [UInt8])?>(nil)
    private let answers = Mutex(0)
    private let passed = Mutex<[[UInt8]]>([])

    init(to target: String) throws {
        self.target = target
        socket = target + ".relay"
        listeners = try [Self.listen(socket), Self.listen(socket + ".ctrl")]
        accept(listeners[0]) { [self] in commands($0) }
        accept(listeners[1]) { [self] in control($0) }
    }

    /// Ends it; connections that are open end with their peers.
    func end() {
        for listener in listeners { shutdown(listener, Int32(SHUT_RDWR)) }
        for path in [socket, socket + ".ctrl"] { unlink(path) }
    }

    /// How many answers went through.
    var count: Int { answers.withLock { $0 } }

    /// Whether these bytes stood in a command or an answer.
    func saw(_ bytes: Secret) -> Bool {
        let pattern = bytes.bytes
        return passed.withLock { messages in
            messages.contains { message in
                message.indices.dropLast(pattern.count - 1).contains { message[$0...].starts(with: pattern) }
            }
        }
    }

    /// What becomes of each answer from now on; nil lets them through.
    func setChange(_ body: (@Sendable ([UInt8]) -> [UInt8])?) { change.withLock { $0 = body } }

    // MARK: Sockets

    private static func listen(_ path: String) throws -> Int32 {
        let number = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        let bound = withAddress(path) { bind(number, $0, $1) }
        guard bound == 0, Glibc.listen(number, 8) == 0 else { throw ClientError.transport("no relay at \(path)") }
        return number
    }

    private static func withAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        return withUnsafePointer(to: &name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    private func accept(_ listener: Int32, _ serve: @escaping @Sendable (Int32) -> Void) {
        Thread.detachNewThread {
            while case let client = Glibc.accept(listener, nil, nil), client >= 0 {
                serve(client)
                close(client)
            }
            close(listener)
        }
    }

    // MARK: What goes through

    private func commands(_ client: Int32) {
        guard let transport = try? TPMAddress.unix(path: target).open(timeout: .seconds(10)) else { return }
        while let command = message(client), var answer = try? transport.transmit(command) {
            answers.withLock { $0 += 1 }
            passed.withLock { $0 += [command, answer] }
            if let body = change.withLock({ $0 }) {
                answer = body(answer)
                // Whoever waits for more than was sent learns that it does not come.
                var limit = timeval(tv_sec: 0, tv_usec: 200_000)
                setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
            }
            guard send(client, answer, answer.count, Int32(MSG_NOSIGNAL)) == answer.count else { return }
        }
    }

    private func message(_ client: Int32) -> [UInt8]? {
        var header = [UInt8](repeating: 0, count: 10)
        guard recv(client, &header, 10, Int32(MSG_WAITALL)) == 10 else { return nil }
        let size = header[2..<6].reduce(0) { $0 << 8 | Int($1) }
        guard size >= 10, size <= 4096 else { return nil }
        var rest = [UInt8](repeating: 0, count: size - 10)
        guard rest.isEmpty || recv(client, &rest, rest.count, Int32(MSG_WAITALL)) == rest.count else { return nil }
        return header + rest
    }

    /// Carries requests, each of which has one answer.
    private func control(_ client: Int32) {
        let server = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(server) }
        guard Self.withAddress(target + ".ctrl", { connect(server, $0, $1) }) == 0 else { return }
        while carry(client, server), carry(server, client) {}
    }

    private func carry(_ from: Int32, _ to: Int32) -> Bool {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = recv(from, &bytes, bytes.count, 0)
        return count > 0 && send(to, bytes, count, Int32(MSG_NOSIGNAL)) == count
    }
}
