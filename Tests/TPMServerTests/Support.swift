import Foundation
import Logging
import Synchronization
import TPMCrypto
import TPMEngine
import Testing

@testable import TPMServer

/// TPM_Startup(ST_CLEAR).
let startupClear: [UInt8] = [0, 0xc1, 0, 0, 0, 12, 0, 0, 0, 0x99, 0, 1]
/// TSC_PhysicalPresence(CMD_ENABLE): it changes a permanent flag.
let presenceEnable: [UInt8] = [0, 0xc1, 0, 0, 0, 12, 0x40, 0, 0, 0x0a, 0, 0x20]
/// TSC_PhysicalPresence(PRESENT): it works where the command was enabled.
let presencePresent: [UInt8] = [0, 0xc1, 0, 0, 0, 12, 0x40, 0, 0, 0x0a, 0, 0x08]
/// TPM_SelfTestFull: it runs on the worker.
let selfTestFull: [UInt8] = [0, 0xc1, 0, 0, 0, 10, 0, 0, 0, 0x50]

/// TPM_GetRandom of so many bytes.
func getRandom(_ count: UInt8) -> [UInt8] { [0, 0xc1, 0, 0, 0, 14, 0, 0, 0, 0x46, 0, 0, 0, count] }

func returnCode(_ answer: [UInt8]) -> UInt32? {
    answer.count < 10 ? nil : answer[6..<10].reduce(0) { $0 << 8 | UInt32($1) }
}

/// A directory of its own that goes with the test.
final class TemporaryDirectory {
    let path: String

    init() throws {
        var template = Array("/tmp/vtpm-test-XXXXXX".utf8CString)
        let made = try #require(mkdtemp(&template))
        path = String(cString: made)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    var files: [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    func mode(_ name: String) -> mode_t? {
        var status = stat()
        return lstat("\(path)/\(name)", &status) == 0 ? status.st_mode & 0o777 : nil
    }

    func contents(_ name: String) -> [UInt8]? {
        guard let file = OpenFile("\(path)/\(name)", O_RDONLY), let size = file.regularFileSize else { return nil }
        return file.read(size)
    }

    func write(_ bytes: [UInt8], to name: String) throws {
        let file = try #require(fopen("\(path)/\(name)", "w"))
        #expect(fwrite(bytes, 1, bytes.count, file) == bytes.count)
        fclose(file)
    }
}

/// A store in memory that can be told to fail.
final class MemoryStore: StateStore {
    private struct Contents {
        var state: TPMState?
        var volatile: Secret?
        var saves = 0
        var failure: StoreError?
    }

    private let contents = Mutex(Contents())

    var saves: Int { contents.withLock { $0.saves } }
    var saved: TPMState? { contents.withLock { $0.state } }

    /// What each save throws from here on; nil for a store that works.
    func setFailure(_ failure: StoreError?) { contents.withLock { $0.failure = failure } }

    func lock(waiting milliseconds: Int, continues: Bool) {}

    func release() {}

    func load() -> TPMState? { saved }

    func save(_ state: TPMState) throws(StoreError) {
        try change { contents in
            contents.state = state
            contents.saves += 1
        }
    }

    func loadVolatile() -> Secret? { contents.withLock { $0.volatile } }

    func saveVolatile(_ bytes: Secret?) throws(StoreError) { try change { $0.volatile = bytes } }

    private func change(_ body: (inout sending Contents) -> Void) throws(StoreError) {
        let failure = contents.withLock { contents in
            if contents.failure == nil { body(&contents) }
            return contents.failure
        }
        if let failure { throw failure }
    }
}

extension StoreError {
    static let full = StoreError("The disk is full.", result: .noSpace)
    static let broken = StoreError("The disk is broken.")
}

/// Keeps what a TPM tells.
final class Recorder: InstanceObserver {
    private let heard = Mutex<(responses: [[UInt8]], store: [String], notes: [String])>(([], [], []))

    var responses: [[UInt8]] { heard.withLock { $0.responses } }
    var notes: [String] { heard.withLock { $0.notes } }
    /// What was heard of the store.
    var store: [String] { heard.withLock { $0.store } }

    func executed(_ command: [UInt8], _ response: [UInt8]) { heard.withLock { $0.responses.append(response) } }
    func noticed(_ sentence: String) { heard.withLock { $0.notes.append(sentence) } }
    func storeFailed(_ error: StoreError) { heard.withLock { $0.store.append(error.description) } }
    func storeRecovered() { heard.withLock { $0.store.append("works") } }
}

/// A server of a started TPM on a thread of its own.
final class RunningServer {
    let server: Server
    /// Where it listens, in the order of what it was given.
    let addresses: [ListenAddress]
    /// The same of its control channels.
    let controls: [ListenAddress]
    private let ended = DispatchSemaphore(value: 0)
    private var isRunning = true

    init(
        store: (any StateStore)? = nil, environment: Environment = Environment(), at addresses: [ListenAddress],
        controlAt controls: [ListenAddress] = [],
        options: Server.Options = Server.Options(), startup: StartupKind = .clear,
        prepare: (Server) throws -> Void = { _ in }
    ) throws {
        let server = try Server(
            store: store, environment: environment, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            options: options)
        self.server = server
        self.addresses = try addresses.map { try server.listen(at: $0) }
        self.controls = try controls.map { try server.listen(at: $0, for: .control) }
        try server.startUp(startup)
        try prepare(server)
        Thread.detachNewThread { [ended] in
            server.run()
            server.close()
            ended.signal()
        }
    }

    /// Returns when the server has ended by itself.
    func wait() {
        guard isRunning else { return }
        isRunning = false
        #expect(ended.wait(timeout: .now() + 20) == .success)
    }

    /// Returns when the server has closed everything.
    func end() {
        guard isRunning else { return }
        isRunning = false
        server.stop()
        ended.wait()
    }

    deinit { end() }
}

/// A started TPM on a loop with others, which listens at `name` and is controlled at `name`.control.
func startedServer(
    _ name: String, in home: TemporaryDirectory, on loop: ServingLoop, store: (any StateStore)? = nil,
    environment: Environment = Environment(), options: Server.Options = Server.Options(),
    whenEnded: @escaping @Sendable () -> Void = {}
) throws -> Server {
    let server = try Server(
        store: store, environment: environment, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
        options: options, on: loop, whenEnded: whenEnded)
    let address = ListenAddress.unix(path: "\(home.path)/\(name)")
    let control = ListenAddress.unix(path: "\(home.path)/\(name).control")
    let failure = try answer { (told: @escaping @Sendable (String?) -> Void) in
        loop.perform {
            do {
                try server.listen(at: address)
                try server.listen(at: control, for: .control)
            } catch { return told("\(error)") }
            server.startUp(options.isPoweredAtStart ? .clear : .none) { told($0?.description) }
        }
    }
    #expect(failure == nil)
    return server
}

/// What a call hands to its completion.
func answer<Value: Sendable>(_ call: (@escaping @Sendable (Value) -> Void) -> Void) throws -> Value {
    let answer = Mutex<Value?>(nil)
    let isThere = DispatchSemaphore(value: 0)
    call { value in
        answer.withLock { $0 = value }
        isThere.signal()
    }
    try #require(isThere.wait(timeout: .now() + 20) == .success)
    return try #require(answer.withLock { $0 })
}

/// A socket that is connected to the one at `path`.
func connectedSocket(unix path: String) throws -> Int32 {
    let socket = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let status = withUnsafeBytes(of: address) { bytes in
        connect(socket, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t(bytes.count))
    }
    try #require(status == 0, "\(lastError())")
    return socket
}

/// What is said of the error that `body` throws.
func refusal(_ body: () throws -> Void) -> String {
    do {
        try body()
        return "nothing was refused"
    } catch {
        return "\(error)"
    }
}

/// A client that sends and receives bytes as the test says.
final class RawClient {
    private let socket: Int32

    init(unix path: String) throws { socket = try connectedSocket(unix: path) }

    init(port: UInt16) throws {
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let status = withUnsafeBytes(of: address) { bytes in
            connect(socket, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t(bytes.count))
        }
        try #require(status == 0, "\(lastError())")
    }

    /// Takes over a connected socket.
    init(taking descriptor: Int32) { socket = descriptor }

    deinit { disconnect() }

    private var isOpen = true

    func disconnect() {
        if isOpen { close(socket) }
        isOpen = false
    }

    func send(_ bytes: [UInt8]) {
        #expect(Glibc.send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count)
    }

    /// Tells the server that nothing more will come.
    func finish() { shutdown(socket, Int32(SHUT_WR)) }

    /// One whole answer; what came before the end of the stream if that is less.
    func answer() -> [UInt8] {
        let header = receive(10)
        guard header.count == 10 else { return header }
        return header + receive(Int(header[2..<6].reduce(0) { $0 << 8 | UInt32($1) }) - 10)
    }

    func transmit(_ command: [UInt8]) -> [UInt8] {
        send(command)
        return answer()
    }

    /// Sends what is sent whole or not at all; false when the kernel keeps no more for the server.
    func offers(_ bytes: [UInt8]) -> Bool {
        Glibc.send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT)) == bytes.count
    }

    /// True when no byte came so far, and no end.
    var hasNothing: Bool {
        var byte: UInt8 = 0
        return recv(socket, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT)) < 0 && errno == EAGAIN
    }

    /// True when the server closed the connection.
    var isAtEnd: Bool { receive(1).isEmpty }

    private func receive(_ count: Int) -> [UInt8] {
        guard count > 0 else { return [] }
        var bytes = [UInt8](repeating: 0, count: count)
        let received = recv(socket, &bytes, bytes.count, Int32(MSG_WAITALL))
        return Array(bytes.prefix(max(received, 0)))
    }
}
