import Foundation
import Glibc
import Logging
import NIOCore
import Testing

@testable import VTPMManager

/// A manager in memory behind an admin socket of its own.
final class ServedManager {
    private let home: TemporaryDirectory
    private var server: AdminServer?
    let manager: MemoryManager
    let path: String

    init(
        patience: TimeAmount = .seconds(30), mode: mode_t = 0o600, delay: @escaping @Sendable () -> Void = {}
    ) throws {
        home = try TemporaryDirectory()
        path = home.path + "/manager.sock"
        manager = MemoryManager(delay: delay)
        server = try AdminServer(
            manager, .init(socket: path, mode: mode, group: nil),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, patience: patience)
    }

    deinit { stop() }

    func stop() {
        server?.stop()
        server = nil
    }

    var client: AdminClient { AdminClient(socket: path) }

    /// Sends a request as curl does, and returns what came back.
    func ask(_ method: String, _ target: String, _ body: String = "", fields: String = "") throws -> RawAnswer {
        let length = body.isEmpty ? "" : "Content-Length: \(body.utf8.count)\r\n"
        return try send("\(method) \(target) HTTP/1.1\r\nHost: localhost\r\n\(length)\(fields)\r\n\(body)")
    }

    /// Sends any text and reads to the end.
    func send(_ text: String, endsThere: Bool = false) throws -> RawAnswer {
        let socket = try RawSocket(path)
        socket.send(text)
        if endsThere { socket.endSending() }
        return try #require(RawAnswer(try socket.readToEnd()), "no answer to \(text.prefix(200))")
    }
}

/// A client that may say anything.
final class RawSocket {
    private let descriptor: Int32

    init(_ path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let status = withUnsafeBytes(of: address) { bytes in
            connect(
                descriptor, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t(bytes.count))
        }
        try #require(status == 0)
    }

    deinit { close(descriptor) }

    /// Sends as much as the other side takes; returns how much that was.
    @discardableResult
    func send(_ text: String) -> Int {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { break }
            rest = rest.dropFirst(count)
        }
        return text.utf8.count - rest.count
    }

    func endSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// What comes until the other side closes.
    func readToEnd() throws -> String {
        var text: [UInt8] = []
        while let part = try read() { text += part }
        return String(decoding: text, as: UTF8.self)
    }

    /// What is there, or comes next; nil at the end.
    func read() throws -> [UInt8]? {
        var part = [UInt8](repeating: 0, count: 1 << 16)
        let count = recv(descriptor, &part, part.count, 0)
        if count < 0, errno == ECONNRESET { return nil }
        try #require(count >= 0, "nothing came in time")
        return count == 0 ? nil : Array(part[..<count])
    }
}

/// A response as it came, taken apart without the code that is tested.
struct RawAnswer {
    let status: Int
    let head: String
    let body: String

    /// Nil for what is no response.
    init?(_ text: String) {
        let parts = text.components(separatedBy: "\r\n\r\n")
        head = parts[0]
        body = parts.dropFirst().joined(separator: "\r\n\r\n")
        guard head.hasPrefix("HTTP/1.1 "), let status = Int(head.split(separator: " ").dropFirst().first ?? "") else {
            return nil
        }
        self.status = status
    }

    var json: [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(body.utf8))) as? [String: Any] ?? [:]
    }

    /// The kind of an error, and its sentence.
    var error: String { json["error"] as? String ?? "none" }
    var message: String { json["message"] as? String ?? "none" }
}
