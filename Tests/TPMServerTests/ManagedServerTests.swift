import Dispatch
import Foundation
import Synchronization
import TPMCrypto
import TPMEngine
import TestSupport
import Testing

@testable import TPMServer

/// What a server offers to a program that serves many TPMs.
@Suite struct ManagedServerTests {
    private let home: TemporaryDirectory
    private let loop: ServingLoop
    private let store = MemoryStore()

    init() throws {
        home = try TemporaryDirectory()
        loop = try ServingLoop()
    }

    private func client(_ name: String = "tpm") throws -> RawClient { try RawClient(unix: "\(home.path)/\(name)") }

    private func suspend(_ server: Server) throws -> StoreError? { try answer(server.suspend) }

    private func register(_ server: Server) throws -> String? {
        try answer { server.read({ "\($0.clear.pcrs[10])" }, $0) }
    }

    // MARK: Suspend

    @Test func aSuspendedTPMGoesOnInTheNextServer() throws {
        let ended = DispatchSemaphore(value: 0)
        let first = try startedServer("tpm", in: home, on: loop, store: store) { ended.signal() }
        let before = try client()
        #expect(returnCode(before.transmit(extend(7))) == 0)
        let register = before.transmit(pcrRead)
        #expect(try suspend(first) == nil)
        #expect(ended.wait(timeout: .now() + 20) == .success)
        #expect(before.isAtEnd)
        #expect(home.files.isEmpty)
        let second = try startedServer("tpm", in: home, on: loop, store: store) { ended.signal() }
        #expect(try client().transmit(pcrRead) == register)
        second.stop()
        #expect(ended.wait(timeout: .now() + 20) == .success)
        loop.stop()
    }

    @Test func nothingIsAnsweredAfterTheStateWasPutAway() throws {
        let keys = HeldKeys()
        let ended = DispatchSemaphore(value: 0)
        let server = try startedServer(
            "tpm", in: home, on: loop, store: store, environment: Environment(keyPairs: keys)
        ) { ended.signal() }
        let (running, waiting) = (try client(), try client())
        running.send(createEndorsementKeyPair)
        keys.wasAsked.wait()
        let isSuspended = DispatchSemaphore(value: 0)
        server.suspend { failure in
            #expect(failure == nil)
            isSuspended.signal()
        }
        // It comes behind the other in the loop.
        _ = try answer { (told: @escaping @Sendable (Int) -> Void) in
            server.read({ _ in 0 }) { told($0 ?? 1) }
            waiting.send(extend(1))
            keys.mayGive.signal()
        }
        #expect(returnCode(running.answer()) == 0)
        #expect(isSuspended.wait(timeout: .now() + 20) == .success)
        #expect(waiting.isAtEnd)
        #expect(ended.wait(timeout: .now() + 20) == .success)
        loop.stop()
    }

    @Test func aTPMThatCannotBePutAwayIsServedOn() throws {
        let ended = DispatchSemaphore(value: 0)
        let server = try startedServer("tpm", in: home, on: loop, store: store) { ended.signal() }
        store.setFailure(.full)
        #expect(try suspend(server)?.description == "The disk is full.")
        #expect(returnCode(try client().transmit(pcrRead)) == 0)
        store.setFailure(nil)
        #expect(try suspend(server) == nil)
        #expect(ended.wait(timeout: .now() + 20) == .success)
        // It is not there any more.
        #expect(try suspend(server) != nil)
        #expect(try register(server) == nil)
        loop.stop()
    }

    // MARK: Looking

    @Test func whatATPMHoldsIsReadBetweenItsCommands() throws {
        let server = try startedServer("tpm", in: home, on: loop)
        let client = try client()
        let zero = try #require(try register(server))
        #expect(returnCode(client.transmit(extend(7))) == 0)
        let extended = try #require(try register(server))
        #expect(extended != zero)
        #expect(try ControlClient(unix: home.path + "/tpm.control").request(14) == 0)
        #expect(try register(server) == nil)
        server.stop()
        loop.stop()
    }

    @Test func theFiguresAreThoseOfTheTPM() throws {
        var options = Server.Options()
        options.isPoweredAtStart = false
        let server = try startedServer("tpm", in: home, on: loop, options: options)
        #expect(!server.hasPower && server.clientCount == 0 && server.commandCount == 0)
        let control = try ControlClient(unix: home.path + "/tpm.control")
        #expect(control.request(2, [0, 0, 0, 0]) == 0)
        #expect(server.hasPower && server.clientCount == 1)
        let client = try client()
        _ = client.transmit(startupClear)
        _ = client.transmit(pcrRead)
        #expect(server.commandCount == 2 && server.clientCount == 2)
        #expect(control.request(14) == 0)
        #expect(!server.hasPower)
        server.stop()
        loop.stop()
    }

    @Test func whoeverRunsItHearsOfTheStore() throws {
        let heard = Mutex<[String]>([])
        var options = Server.Options()
        options.whenStoreChanges = { failure in heard.withLock { $0.append(failure?.description ?? "works") } }
        let server = try startedServer("tpm", in: home, on: loop, store: store, options: options)
        let client = try client()
        store.setFailure(.full)
        for _ in 0..<3 { #expect(returnCode(client.transmit(presenceEnable)) == 17) }
        store.setFailure(nil)
        #expect(returnCode(client.transmit(presenceEnable)) == 0)
        #expect(heard.withLock { $0 } == ["The disk is full.", "works"])
        server.stop()
        loop.stop()
    }

    // MARK: A store that tells later

    @Test func anAnswerLeavesWhenTheStoreTells() throws {
        let later = LaterStore()
        let server = try startedServer("tpm", in: home, on: loop, store: later)
        let (one, two) = (try client(), try client())
        one.send(presenceEnable)
        let first = later.next()
        two.send(presencePresent)
        // The other command waits, and the thread does not.
        let other = try startedServer("other", in: home, on: loop)
        #expect(returnCode(try client("other").transmit(pcrRead)) == 0)
        #expect(one.hasNothing && two.hasNothing)
        first(nil)
        #expect(returnCode(one.answer()) == 0)
        #expect(returnCode(two.answer()) == 0)
        for server in [server, other] { server.stop() }
        loop.stop()
    }

    @Test func whatTheStoreDidNotTakeHasNoEffect() throws {
        let later = LaterStore()
        let ended = DispatchSemaphore(value: 0)
        let server = try startedServer("tpm", in: home, on: loop, store: later) { ended.signal() }
        let client = try client()
        client.send(presenceEnable)
        later.next()(.full)
        #expect(returnCode(client.answer()) == 17)
        client.send(presencePresent)
        later.next()(nil)
        #expect(returnCode(client.answer()) == 3)
        // The worker begins it when the command is long, and the end waits for the store.
        client.send(createEndorsementKeyPair)
        let told = later.next()
        server.stop()
        #expect(ended.wait(timeout: .now() + 0.1) == .timedOut)
        told(nil)
        #expect(ended.wait(timeout: .now() + 20) == .success)
        #expect(returnCode(client.answer()) == 0)
        loop.stop()
    }

    // MARK: Many

    /// Bytes of memory that this process has for itself.
    private func residentBytes() throws -> Int {
        let fields = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
        return try #require(Int(fields[1])) * Int(getpagesize())
    }

    @Test func hundredsOfServersTakeLittle() throws {
        // With more than some 1300 open descriptors, Foundation's Process.run reads behind what readdir gave it, and tests
        // beside this one start processes. The benchmark, which starts none meanwhile, has thousands.
        let count = 500
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        let loops = [loop, try ServingLoop()]
        let ended = DispatchSemaphore(value: 0)
        let before = try residentBytes()
        let servers = try (0..<count).map { number in
            try startedServer("\(number)", in: home, on: loops[number % 2]) { ended.signal() }
        }
        let each = try (residentBytes() - before) / count
        print("A server takes \(each) bytes.")
        #expect(each < 32768)
        for number in [0, count / 2, count - 1] {
            #expect(returnCode(try client("\(number)").transmit(pcrRead)) == 0)
        }
        for server in servers { server.stop() }
        for _ in servers { #expect(ended.wait(timeout: .now() + 20) == .success) }
        for loop in loops { loop.stop() }
    }

    @Test(arguments: [true, false])
    func aSlowStoreHoldsUpNobodyElse(waits: Bool) throws {
        let ended = DispatchSemaphore(value: 0)
        let servers = try (0..<200).map { number in
            let store: any StateStore = waits ? SlowStore() : LaterStore(delay: 0.1)
            return try startedServer("\(number)", in: home, on: loop, store: store) { ended.signal() }
        }
        let quick = try startedServer("quick", in: home, on: loop) { ended.signal() }
        let clients = try servers.indices.map { try client("\($0)") }
        let start = ContinuousClock.now
        for client in clients { client.send(presenceEnable) }
        #expect(returnCode(try client("quick").transmit(pcrRead)) == 0)
        #expect(returnCode(try client("quick").transmit(selfTestFull)) == 0)
        for client in clients { #expect(returnCode(client.answer()) == 0) }
        // One after another they would take 20 seconds.
        #expect(ContinuousClock.now - start < .seconds(5))
        for server in servers + [quick] { server.stop() }
        for _ in 0...servers.count { #expect(ended.wait(timeout: .now() + 20) == .success) }
        loop.stop()
    }
}

/// A store that tells what became of a change when it is told to.
private final class LaterStore: StateStore {
    typealias Then = @Sendable (StoreError?) -> Void

    private let begun = Mutex<[Then]>([])
    private let hasBegun = DispatchSemaphore(value: 0)
    private let delay: Double?

    /// - Parameter delay: after how many seconds a change is durable by itself.
    init(delay: Double? = nil) { self.delay = delay }

    var isQuick: Bool { true }

    func keep(_ change: StateChange, then: @escaping Then) -> Kept {
        if let delay {
            DispatchQueue.global().asyncAfter(deadline: .now() + delay) { then(nil) }
        } else {
            begun.withLock { $0.append(then) }
            hasBegun.signal()
        }
        return .later
    }

    /// Takes the oldest change, and tells what becomes of it.
    func next() -> Then {
        hasBegun.wait()
        return begun.withLock { $0.removeFirst() }
    }

    func lock(waiting milliseconds: Int, continues: Bool) {}
    func release() {}
    func load() -> TPMState? { nil }
    func save(_ state: TPMState) {}
    func loadVolatile() -> Secret? { nil }
    func saveVolatile(_ bytes: Secret?) {}
}

/// A store that takes a tenth of a second.
private final class SlowStore: StateStore {
    func lock(waiting milliseconds: Int, continues: Bool) {}
    func release() {}
    func load() -> TPMState? { nil }
    func save(_ state: TPMState) {}
    func loadVolatile() -> Secret? { nil }
    func saveVolatile(_ bytes: Secret?) {}

    func keep(_ change: StateChange, then: @escaping @Sendable (StoreError?) -> Void) -> Kept {
        usleep(100_000)
        return .durable
    }
}
