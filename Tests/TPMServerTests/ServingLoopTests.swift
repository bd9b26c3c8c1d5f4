import Dispatch
import Logging
import Synchronization
import Testing

@testable import TPMServer

/// Many TPMs on one thread.
@Suite struct ServingLoopTests {
    private let home: TemporaryDirectory
    private let loop: ServingLoop

    init() throws {
        home = try TemporaryDirectory()
        loop = try ServingLoop()
    }

    private func serve(_ name: String, whenEnded: @escaping @Sendable () -> Void) throws -> Server {
        let server = try Server(
            store: nil, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, on: loop, whenEnded: whenEnded)
        let address = ListenAddress.unix(path: "\(home.path)/\(name)")
        let control = ListenAddress.unix(path: "\(home.path)/\(name).control")
        let isReady = DispatchSemaphore(value: 0)
        let failure = Mutex<(any Error)?>(nil)
        loop.perform {
            do {
                try server.listen(at: address)
                try server.listen(at: control, for: .control)
                try server.startUp(.clear)
            } catch {
                failure.withLock { $0 = error }
            }
            isReady.signal()
        }
        isReady.wait()
        if let error = failure.withLock({ $0 }) { throw error }
        return server
    }

    @Test func eachHasAStateOfItsOwn() throws {
        let ended = DispatchSemaphore(value: 0)
        let servers = try (0..<20).map { number in try serve("\(number)") { ended.signal() } }
        let clients = try servers.indices.map { try RawClient(unix: "\(home.path)/\($0)") }
        _ = clients[3].transmit(extend(1))
        let registers = clients.map { $0.transmit(pcrRead) }
        #expect(Set(registers).count == 2)
        #expect(registers.filter { $0 == registers[3] }.count == 1)
        for server in servers { server.stop() }
        for _ in servers { #expect(ended.wait(timeout: .now() + 20) == .success) }
        #expect(home.files.isEmpty)
        loop.stop()
    }

    @Test func oneThatEndsByItselfLeavesTheOthers() throws {
        let ended = DispatchSemaphore(value: 0)
        _ = try serve("first") { ended.signal() }
        let second = try serve("second") { ended.signal() }
        #expect(try ControlClient(unix: "\(home.path)/first.control").request(3) == 0)
        #expect(ended.wait(timeout: .now() + 20) == .success)
        #expect(home.files == ["second", "second.control"])
        #expect(returnCode(try RawClient(unix: "\(home.path)/second").transmit(pcrRead)) == 0)
        second.stop()
        #expect(ended.wait(timeout: .now() + 20) == .success)
        loop.stop()
    }
}
