import Dispatch
import Foundation
import Logging
import Synchronization
import TPMCrypto
import TPMEngine
import TestSupport
import Testing

@testable import TPMServer

/// A guest whose engine is a process of its own: the program itself.
@Suite struct IsolatedGuestTests {
    private let home: TemporaryDirectory
    private let loop: ServingLoop

    init() throws {
        home = try TemporaryDirectory()
        loop = try ServingLoop()
    }

    private func guest(
        _ name: String = "guest", _ store: SerialisedMemoryStore = SerialisedMemoryStore(), keys: KeyPairPool? = nil,
        door: Server.Door = .data, _ change: (inout IsolatedGuest.Options) -> Void = { _ in }
    ) throws -> RunningGuest {
        let guest = RunningGuest(store, keys: keys, on: loop, change)
        try guest.isolated.listen(at: .unix(path: "\(home.path)/\(name)"), for: door)
        return guest
    }

    @Test func `What was answered survives the death of its engine`() throws {
        let store = SerialisedMemoryStore()
        let guest = try guest("guest", store)
        for round in 0..<3 {
            #expect(guest.start() == nil)
            let client = try RawClient(unix: home.path + "/guest")
            // Works only where an earlier engine answered presenceEnable.
            #expect((returnCode(client.transmit(presencePresent)) == 0) == (round > 0))
            #expect(returnCode(client.transmit(presenceEnable)) == 0)
            // RSA and a key of its own, on another thread.
            #expect(returnCode(client.transmit(selfTestFull)) == 0)
            let id = try #require(guest.isolated.processID)
            kill(id, SIGKILL)
            #expect(guest.end()?.contains("killed by signal 9") == true)
            #expect(client.isAtEnd)
            #expect(guest.isolated.processID == nil)
            #expect(store.isLocked == false)
        }
    }

    @Test func `An engine that is killed at any moment loses nothing that it answered`() throws {
        let store = SerialisedMemoryStore()
        let guest = try guest("guest", store)
        var random = SystemRandomNumberGenerator()
        for _ in 0..<10 {
            #expect(guest.start() == nil)
            let id = try #require(guest.isolated.processID)
            let before = store.saves
            let client = try RawClient(unix: home.path + "/guest")
            // Each changes a permanent flag and so needs the store. With the first, it has the client.
            #expect(returnCode(client.transmit(presenceEnable)) == 0)
            var answered = 1
            DispatchQueue.global().asyncAfter(
                deadline: .now() + .microseconds(Int.random(in: 0..<30_000, using: &random))
            ) {
                kill(id, SIGKILL)
            }
            while returnCode(client.offers(presenceEnable) ? client.answer() : []) == 0 { answered += 1 }
            _ = guest.end()
            #expect(store.saves - before >= answered)
        }
        #expect(guest.start() == nil)
        #expect(returnCode(try RawClient(unix: home.path + "/guest").transmit(presencePresent)) == 0)
        #expect(guest.stop() == nil)
    }

    @Test func `It is suspended and goes on, is read, and stops when it is told to`() throws {
        let guest = try guest()
        #expect(guest.readPCRs() == nil)
        #expect(guest.start() == nil)
        var client = try RawClient(unix: home.path + "/guest")
        let register = Array(client.transmit(extend(7)).dropFirst(10))
        #expect(guest.readPCRs()?[10].bytes == register)
        #expect(guest.readPCRs()?[11] == .zero)

        #expect(guest.suspend() == nil)
        #expect(guest.end() == nil)
        #expect(guest.start() == nil)
        #expect(guest.readPCRs()?[10].bytes == register)
        // Of the past with the first change.
        client = try RawClient(unix: home.path + "/guest")
        #expect(returnCode(client.transmit(extend(8))) == 0)
        #expect(guest.stop() == nil)
        #expect(guest.start() == nil)
        #expect(guest.readPCRs()?[10] == .zero)
        #expect(guest.stop() == nil)
        #expect(guest.suspend() != nil)
        #expect(home.files == ["guest"])
        guest.isolated.close()
        #expect(home.files.isEmpty)
    }

    @Test func `PCRs begin with what the manager says`() throws {
        let guest = try guest { $0.initialPCRs = [3: Digest(repeating: 9)] }
        #expect(guest.start() == nil)
        #expect(guest.readPCRs()?[3] == Digest(repeating: 9))
        #expect(guest.readPCRs()?[4] == .zero)
        #expect(guest.stop() == nil)
    }

    @Test func `Its figures come from all of its engines`() throws {
        let guest = try guest()
        for round in 1...2 as ClosedRange<UInt64> {
            #expect(guest.start() == nil)
            let client = try RawClient(unix: home.path + "/guest")
            for _ in 0..<9 { _ = client.transmit(pcrRead) }
            // With TPM_Startup.
            #expect(guest.eventually { $0.commandCount == 10 * round && $0.clientCount == 1 && $0.hasPower })
            #expect(guest.stop() == nil)
            #expect(guest.isolated.commandCount == 10 * round)
            #expect(guest.isolated.clientCount == 0 && !guest.isolated.hasPower)
        }
    }

    @Test func `A control channel works as in any server`() throws {
        let guest = try guest(door: .control) { $0.isPoweredAtStart = false }
        #expect(guest.start() == nil)
        #expect(guest.readPCRs() == nil)
        let control = try ControlClient(unix: home.path + "/guest")
        var ends: [Int32] = [-1, -1]
        #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        // CMD_SET_DATAFD and CMD_INIT.
        #expect(control.request(16, passing: [ends[1]]) == 0)
        close(ends[1])
        #expect(control.request(2, [0, 0, 0, 0]) == 0)
        let client = RawClient(taking: ends[0])
        #expect(returnCode(client.transmit(startupClear)) == 0)
        #expect(returnCode(client.transmit(pcrRead)) == 0)
        #expect(guest.readPCRs()?.count == 24)
        #expect(guest.stop() == nil)
    }

    @Test func `Keys come from the manager until the guest had its share`() throws {
        let pool = KeyPairPool(capacity: 1)
        let guest = try guest(keys: pool)
        #expect(guest.start() == nil)
        while pool.count == 0 { usleep(10_000) }
        let client = try RawClient(unix: home.path + "/guest")
        #expect(returnCode(client.transmit(createEndorsementKeyPair)) == 0)
        #expect(guest.stop() == nil)
        #expect(try #require(guest.store.state).permanent.endorsementKey != nil)
    }

    @Test func `A store that fails costs the commands that need it, and is told`() throws {
        let heard = Mutex<[String]>([])
        let guest = try guest {
            $0.whenStoreChanges = { failure in heard.withLock { $0.append(failure?.description ?? "works") } }
        }
        #expect(guest.start() == nil)
        let client = try RawClient(unix: home.path + "/guest")
        guest.store.setFails(true)
        for _ in 0..<2 { #expect(returnCode(client.transmit(presenceEnable)) == 0x11) }
        guest.store.setFails(false)
        #expect(returnCode(client.transmit(presenceEnable)) == 0)
        #expect(heard.withLock { $0 } == ["The disk is full.", "works"])
        #expect(guest.stop() == nil)
    }

    @Test func `One that cannot start says why`() throws {
        let store = SerialisedMemoryStore()
        store.setSerialised(Secret(Array("a shopping list".utf8)))
        let damaged = try guest("damaged", store)
        let reason = damaged.start()
        #expect(reason?.contains("The stored state is not the state of a TPM") == true)
        #expect(reason?.hasSuffix("It was left as it is.") == true)
        #expect(store.isLocked == false)
        let missing = try guest("missing") { $0.program = "/nowhere/vtpm" }
        #expect(missing.start()?.contains("No such file or directory") == true)
        let running = try guest("running")
        #expect(running.start() == nil)
        #expect(running.start()?.contains("runs already") == true)
        #expect(running.stop() == nil)
        if geteuid() == 0 {
            let root = try guest("root") { $0.user = nil }
            #expect(root.start()?.contains("Name a user") == true)
            let zero = try guest("zero") { $0.user = EngineUser(user: 0, group: 0) }
            #expect(zero.start()?.contains("does not run as root") == true)
        }
    }

    @Test func `Its process has no privileges, no files and nothing in its environment`() throws {
        let guest = try guest()
        #expect(guest.start() == nil)
        let id = try #require(guest.isolated.processID)
        let status = try String(contentsOfFile: "/proc/\(id)/status", encoding: .utf8)
        let lines = status.split(separator: "\n").map { $0.split(separator: "\t").map(String.init) }
        func value(_ name: String) -> [String] {
            lines.first { $0.first == name + ":" }.map { Array($0.dropFirst()) } ?? []
        }
        #expect(value("NoNewPrivs") == ["1"])
        #expect(value("Seccomp") == ["2"])
        if geteuid() == 0 {
            #expect(value("Uid") == ["65534", "65534", "65534", "65534"])
            #expect(value("Gid") == ["65534", "65534", "65534", "65534"])
            #expect(value("Groups").allSatisfy { $0.trimmingCharacters(in: .whitespaces).isEmpty })
            #expect(value("CapEff") == ["0000000000000000"] && value("CapPrm") == ["0000000000000000"])
            // Nobody but root may look into it, not even another engine.
            var entry = stat()
            #expect(stat("/proc/\(id)/environ", &entry) == 0 && entry.st_uid == 0)
            let environment = FileManager.default.contents(atPath: "/proc/\(id)/environ")
            #expect(environment == Data("SWIFT_BACKTRACE=enable=no\0".utf8))
            var kinds: [String] = []
            for name in try FileManager.default.contentsOfDirectory(atPath: "/proc/\(id)/fd") {
                let target = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(id)/fd/\(name)")
                kinds.append(String(target.prefix { $0 != "[" && $0 != ":" }))
            }
            #expect(
                kinds.sorted() == [
                    "/dev/null", "/dev/null", "anon_inode", "anon_inode", "pipe", "socket", "socket", "socket",
                ], "\(kinds)")
        }
        let limits = try String(contentsOfFile: "/proc/\(id)/limits", encoding: .utf8)
        #expect(limits.contains(/Max core file size +0 +0/))
        #expect(guest.stop() == nil)
    }

    @Test func `It ends with its manager`() throws {
        // The ends of a manager that is gone are closed.
        var ends: [[Int32]] = [[-1, -1], [-1, -1]]
        for index in ends.indices { socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends[index]) }
        let user = geteuid() == 0 ? ["user=65534", "group=65534"] : []
        let child = try ChildProcess(
            Emulator.program.path, [GuestEngine.verb] + user, keeping: [ends[0][1], ends[1][1]], errors: STDERR_FILENO)
        defer { close(child.descriptor) }
        for end in ends.joined() { close(end) }
        var poller = pollfd(fd: child.descriptor, events: Int16(POLLIN), revents: 0)
        #expect(poll(&poller, 1, 20_000) == 1)
        #expect(child.reap() == .status(1))
    }

    @Test func `The verb is for a manager alone`() throws {
        let end = try Emulator([GuestEngine.verb]).end()
        #expect(end.status == 64)
        #expect(end.errors.contains("for vtpm manager to start"))
    }
}
