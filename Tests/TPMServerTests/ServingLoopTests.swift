import Dispatch
import TestSupport
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
        try startedServer(name, in: home, on: loop, whenEnded: whenEnded)
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
