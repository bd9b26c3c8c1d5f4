import Dispatch
import Foundation
import Logging
import Synchronization
import TPMCrypto
import Testing

@testable import TPMServer

/// Engines that their guests took over: vtpm-forbidden plays them.
@Suite struct HostileEngineTests {
    private let home: TemporaryDirectory
    private let loop: ServingLoop

    init() throws {
        home = try TemporaryDirectory()
        loop = try ServingLoop()
    }

    private static var program: String {
        Emulator.program.deletingLastPathComponent().appendingPathComponent("vtpm-forbidden").path
    }

    private func hostile(_ name: String, log: RecordedLog = RecordedLog(), keys: KeyPairPool? = nil) -> RunningGuest {
        let store = SerialisedMemoryStore()
        // More than a socket takes at once.
        store.setSerialised(Secret(count: EngineFrame.maximumState))
        return RunningGuest(store, keys: keys, on: loop, log: log) {
            $0.program = Self.program
            $0.verb = name
            // What comes to nothing is not waited for; the others may take their time on a busy machine.
            let isIdle = ["silent", "disobedient"].contains(name)
            $0.patience = EngineProcess.Patience(order: isIdle ? 1000 : 30_000, frame: 500)
        }
    }

    @Test(arguments: [
        ("garbage", "it sent a frame of 538976288 bytes"), ("too-long", "it sent a frame of 4294967295 bytes"),
        ("endless", "it did not end a frame"), ("deaf", "it did not read what it was sent"),
        ("hasty", "it asked before it had its answer"), ("unasked", "it answered what nobody asked"),
        ("silent", "it did not start in time"), ("leaving", "it closed its channel"),
        ("liar", "it ended with status 7"), ("greedy", "it ended with status \(EngineRequests.keysAtOnce)"),
        ("crashing", "it was killed by signal 6 (Aborted). Its last words were: Fatal error:  Index out of range"),
    ])
    func `What no engine does ends it, and nobody else`(name: String, reason: String) throws {
        let neighbour = RunningGuest(SerialisedMemoryStore(), on: loop)
        try neighbour.isolated.listen(at: .unix(path: home.path + "/neighbour"))
        #expect(neighbour.start() == nil)
        let client = try RawClient(unix: home.path + "/neighbour")
        let keys = name == "greedy" ? KeyPairPool(capacity: EngineRequests.keysAtOnce + 1) : nil
        while let keys, keys.count <= EngineRequests.keysAtOnce { usleep(10_000) }
        let guest = hostile(name, keys: keys)
        #expect(guest.start()?.contains(reason) == true, "\(guest.failure ?? "it started")")
        #expect(guest.isolated.processID == nil)
        #expect(guest.store.saves == 0)
        #expect(returnCode(client.transmit(presenceEnable)) == 0)
        #expect(neighbour.stop() == nil)
        loop.stop()
    }

    @Test func `An order that is not obeyed ends it`() throws {
        let guest = hostile("disobedient")
        #expect(guest.start() == nil)
        #expect(guest.suspend() != nil)
        #expect(guest.end()?.contains("it did not obey in time (suspend)") == true)
        #expect(guest.start() == nil)
        guest.isolated.stop()
        #expect(guest.end()?.contains("it did not obey in time (stop)") == true)
    }

    @Test func `What it claims of itself is not taken for PCRs or figures`() throws {
        let guest = hostile("boaster")
        #expect(guest.start() == nil)
        #expect(guest.readPCRs() == nil)
        #expect(guest.isolated.commandCount == 0)
        #expect(guest.readPCRs() == nil)
        #expect(guest.isolated.commandCount == 0 && !guest.isolated.hasPower)
        kill(try #require(guest.isolated.processID), SIGKILL)
        #expect(guest.end() != nil)
    }

    @Test func `It cannot fill or forge the log`() throws {
        let log = RecordedLog()
        let guest = hostile("loud", log: log)
        #expect(guest.start() == nil)
        while log.messages.isEmpty { usleep(10_000) }
        usleep(100_000)
        kill(try #require(guest.isolated.processID), SIGKILL)
        #expect(guest.end() != nil)
        #expect((20...40).contains(log.messages.count), "\(log.messages.count)")
        #expect(log.messages.allSatisfy { $0 == " [2J forged line  of text" || $0.contains("are left out") })
    }

    @Test func `It cannot keep its manager busy with what it says`() throws {
        let guest = hostile("flooding")
        #expect(guest.start() == nil)
        #expect(guest.end() == "it said more than anybody can read.")
    }

    /// A process that makes a call under an engine's filter: its exit status, or its signal as a negative number.
    private func end(of call: String) throws -> Int32 {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Self.program)
        process.arguments = ["engine", call]
        process.standardInput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
    }

    @Test(arguments: [
        "connect", "listen", "execve", "kill", "setuid", "setgid", "chroot", "umount2", "mknodat",
        "sethostname", "mprotect", "setown", "unlink", "rename",
    ])
    func `A call that no engine makes kills it`(call: String) throws { #expect(try end(of: call) == -SIGSYS) }

    @Test(arguments: ["openat", "socket"])
    func `No file can be opened and no socket made`(call: String) throws { #expect(try end(of: call) == 3) }

    @Test(arguments: ["getpid", "clone", "tgkill"])
    func `What an engine needs, it may do`(call: String) throws { #expect(try end(of: call) == 0) }

    @Test func `The words of a configuration are read as they were written`() {
        var configuration = EngineConfiguration()
        configuration.doors = [.control, .data]
        configuration.startup = .none
        configuration.isPoweredAtStart = false
        configuration.survivesShutdown = true
        configuration.rejectsLocality4 = true
        configuration.maximumConnections = 3
        configuration.logLevel = .trace
        configuration.initialPCRs = [0: Digest(repeating: 0xa1), 23: .zero]
        configuration.user = EngineUser(user: 7, group: 8)
        #expect(EngineConfiguration(arguments: configuration.arguments) == configuration)
        #expect(EngineConfiguration(arguments: []) == EngineConfiguration())
        for word in [
            "", "door", "door=", "door=none", "startup=x", "powered=1", "connections=0", "user=1", "x=y", "log=loud",
            "pcr=0", "pcr=0:",
            "pcr=24:\(Digest.zero)", "pcr=-1:\(Digest.zero)", "pcr=1:\(Digest.zero)00", "pcr=1:zz",
        ] {
            #expect(EngineConfiguration(arguments: [word]) == nil, "\(word)")
        }
    }

    @Test func `An allowance comes back with time, up to what it was`() {
        var allowance = Allowance(2, oneMoreAfter: 5)
        let start = DispatchTime.now().uptimeNanoseconds
        let seconds: [UInt64] = [0, 0, 0, 4, 5, 6, 1000, 1000, 1000, 0]
        let taken = seconds.map { allowance.take(at: start + $0 * 1_000_000_000) }
        #expect(taken == [true, true, false, false, true, false, true, true, false, false])
    }
}
