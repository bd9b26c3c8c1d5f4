import Foundation
import TPMClient
import TestSupport
import Testing

@testable import TPMServer

/// `vtpm swtpm`, as a process.
@Suite struct SwtpmTests {
    private let home: TemporaryDirectory
    private var control: String { home.path + "/control" }
    private var data: String { home.path + "/data" }
    private var state: String { home.path + "/state" }

    init() throws {
        home = try TemporaryDirectory()
        try FileManager.default.createDirectory(atPath: home.path + "/state", withIntermediateDirectories: false)
    }

    /// One with a state and a control channel.
    private func swtpm(_ arguments: String..., input: FileHandle? = nil) throws -> Emulator {
        let given = ["--tpmstate", "dir=\(state)", "--ctrl", "type=unixio,path=\(control)", "--log", "level=2"]
        return try Emulator(["swtpm", "socket"] + given + arguments, input: input)
    }

    /// What a whole life of a process says.
    private func run(_ arguments: [String], program: URL? = nil) throws -> (
        status: Int32, output: String, errors: String
    ) {
        try Emulator(arguments, program: program, in: home.path).end()
    }

    private func status(_ process: pid_t, _ name: String) -> String? {
        let text = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        let line = text?.split(separator: "\n").first { $0.hasPrefix("\(name):") }
        return line.map { $0.dropFirst(name.count + 1).trimmingCharacters(in: .whitespaces) }
    }

    /// True when a process ended, whether or not the system's first one has noticed.
    private func isGone(_ process: pid_t) -> Bool {
        for _ in 0..<500 {
            guard let state = status(process, "State"), !state.hasPrefix("Z") else { return true }
            usleep(10_000)
        }
        return false
    }

    // MARK: Its name and its words

    @Test func aLinkOfThatNameIsSwtpm() throws {
        let link = URL(fileURLWithPath: home.path + "/swtpm")
        try FileManager.default.createSymbolicLink(at: link, withDestinationURL: Emulator.program)
        let version = try run(["--version"], program: link)
        #expect(version.status == 0 && version.output.contains("swtpm"))
        #expect(try run(["-v"], program: link).output == version.output)
        #expect(try run(["swtpm", "--version"]).output == version.output)
        let help = try run(["socket", "--help"], program: link)
        #expect(help.status == 0 && help.errors.isEmpty)
        for option in ["--ctrl", "--tpmstate", "--migration-key", "--print-capabilities", "-r, --runas"] {
            #expect(help.output.contains(option), "\(option)")
        }
        #expect(try run(["-h"], program: link).status == 0)
        #expect(try run(["socket", "--print-capabilities"], program: link).output.contains(#""tpm-1.2""#))
    }

    @Test(arguments: [
        ([], "which interface"), (["chardev"], "vtpm emulate --vtpm-proxy"), (["cuse"], "cuse cannot serve"),
        (["tty"], "tty"), (["--print-capabilities"], "--print-capabilities"), (["socket"], "give --server or --ctrl"),
        (["socket", "--tpm2"], "TPM 1.2"), (["socket", "--ctlr", "x"], "--ctlr"), (["socket", "-p"], "-p"),
        (["socket", "--ctrl", "type=unixio"], "--ctrl: type=unixio needs path=PATH"),
        (["socket", "--print-states"], "--print-states needs a directory"),
        (["socket", "--print-states", "--tpmstate", "dir=nowhere"], "nowhere cannot be opened"),
    ])
    func wrongArgumentsEndItWithStatus1(arguments: [String], sentence: String) throws {
        let end = try run(["swtpm"] + arguments)
        #expect(end.status == 1)
        #expect(end.output.isEmpty)
        #expect(end.errors.hasPrefix("swtpm: ") && end.errors.contains(sentence), "\(end.errors)")
        #expect(home.files == ["state"])
    }

    @Test func whatFailsAtTheStartEndsItWithStatus1() throws {
        let served = ["swtpm", "socket", "--tpmstate", "dir=state"]
        let startable = served + ["--ctrl", "type=unixio,path=control"]
        // More than a process may have open: a smaller number may be a descriptor of this one, which a child inherits.
        let none = 999_999_999
        for (arguments, sentence) in [
            (served + ["--ctrl", "type=unixio,path=no/control"], "no/control"),
            (served + ["--ctrl", "type=unixio,clientfd=\(none)"], "descriptor \(none) is no open stream socket"),
            (served + ["--ctrl", "type=unixio,path=control,uid=nobody-at-all"], "no user 'nobody-at-all'"),
            (startable + ["--fd", "0"], "descriptor 0 is no open stream socket"),
            (startable + ["--key", "file=no"], "--key: cannot open no"),
            (startable + ["--pid", "file=no/pid"], "no/pid"), (startable + ["--log", "file=no/log"], "no/log"),
            (startable + ["--log", "fd=\(none)"], "descriptor \(none)"),
            (startable + ["--runas", "nobody-at-all"], "nobody-at-all"),
            (startable + ["--flags", "startup-state"], "TPM_SaveState left nothing"),
        ] {
            let end = try run(arguments)
            #expect(end.status == 1, "\(arguments)")
            #expect(end.errors.contains(sentence), "\(end.errors)")
            #expect(!home.files.contains("control"))
        }
    }

    // MARK: Serving

    @Test func aTPMBeginsWithInitAndEndsWithShutdown() throws {
        let emulator = try swtpm("--server", "type=unixio,path=\(data),mode=0600", "--pid", "file=\(home.path)/pid")
        #expect(emulator.wait(for: "The TPM listens at unix:\(data)"))
        let client = try RawClient(unix: data)
        #expect(returnCode(client.transmit(pcrRead)) == 9)
        let board = try ControlClient(unix: control)
        #expect(board.request(2, [0, 0, 0, 0]) == 0)
        #expect(returnCode(client.transmit(startupClear)) == 0)
        #expect(client.transmit(pcrRead).count == 30)
        #expect(home.mode("control") == 0o770 && home.mode("data") == 0o600)
        #expect(board.request(3) == 0)
        #expect(emulator.end().status == 0)
        #expect(home.files == ["state"])
    }

    @Test func aSignalEndsItToo() throws {
        let emulator = try swtpm("--flags", "startup-clear", "--pid", "file=\(home.path)/pid")
        #expect(emulator.wait(for: "listens at unix:\(control)"))
        emulator.send(SIGTERM)
        #expect(emulator.end().status == 0)
        #expect(home.files == ["state"])
    }

    @Test func itEndsWithItsClientIfItShall() throws {
        let byData = try swtpm(
            "--flags", "startup-clear", "--terminate", "--server", "type=unixio,path=\(data)", "--seccomp", "action=log"
        )
        #expect(byData.wait(for: "listens at unix:\(data)"))
        _ = try ControlClient(unix: control).request(1)
        let client = try RawClient(unix: data)
        #expect(client.transmit(pcrRead).count == 30)
        client.disconnect()
        #expect(byData.end().status == 0)

        let given = [
            "--tpmstate", "dir=\(state)", "--ctrl", "type=unixio,path=\(control),terminate", "--log", "level=2",
        ]
        let byControl = try Emulator(["swtpm", "socket"] + given)
        #expect(byControl.wait(for: "listens at unix:\(control)"))
        var board: ControlClient? = try ControlClient(unix: control)
        #expect(board?.request(2, [0, 0, 0, 0]) == 0)
        board = nil
        #expect(byControl.end().status == 0)
    }

    @Test(arguments: [["--fd", "0"], ["--server", "type=tcp,fd=0"], ["--server", "type=unixio,fd=0"]])
    func aSocketIsHandedOver(option: [String]) throws {
        var ends: [Int32] = [-1, -1]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        let theirs = FileHandle(fileDescriptor: ends[1], closeOnDealloc: false)
        let emulator = try Emulator(
            ["swtpm", "socket", "--tpmstate", "dir=\(state)", "--flags", "startup-clear"] + option, input: theirs)
        close(ends[1])
        let client = RawClient(taking: ends[0])
        #expect(client.transmit(pcrRead).count == 30)
        #expect(client.transmit(pcrRead).count == 30)
        client.disconnect()
        #expect(emulator.end().status == 0)
    }

    @Test func aListeningSocketIsHandedOver() throws {
        let listening = try ListeningSocket(.unix(path: control))
        let emulator = try Emulator(
            ["swtpm", "socket", "--tpmstate", "dir=\(state)", "--ctrl", "type=unixio,fd=0"],
            input: FileHandle(fileDescriptor: listening.descriptor, closeOnDealloc: false))
        for _ in 0..<2 { #expect(try ControlClient(unix: control).request(14) == 0) }
        #expect(try ControlClient(unix: control).request(3) == 0)
        #expect(emulator.end().status == 0)
    }

    @Test func theFilterLetsATPMDoAllItDoes() throws {
        let emulator = try swtpm("--flags", "startup-clear", "--server", "type=unixio,path=\(data)")
        #expect(emulator.wait(for: "listens at unix:\(data)"))
        let client = try RawClient(unix: data)
        #expect(returnCode(client.transmit(createEndorsementKeyPair)) == 0)
        // The answer came after the filter, which is on every thread.
        let threads = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(emulator.id)/task")
        #expect(threads.count > 1)
        for thread in threads { #expect(status(emulator.id, "Seccomp") == "2", "\(thread)") }
        #expect(returnCode(client.transmit(selfTestFull)) == 0)
        #expect(returnCode(client.transmit(presenceEnable)) == 0)
        let board = try ControlClient(unix: control)
        #expect(board.request(10) == 0)
        #expect(board.request(2, [0, 0, 0, 0]) == 0)
        #expect(client.transmit(pcrRead).count == 30)
        #expect(board.request(3) == 0)
        #expect(emulator.end().status == 0)
    }

    @Test func withoutAFilterThereIsNone() throws {
        let emulator = try swtpm("--seccomp", "action=none")
        #expect(emulator.wait(for: "listens at"))
        #expect(try ControlClient(unix: control).request(14) == 0)
        #expect(status(emulator.id, "Seccomp") == "0")
        emulator.send(SIGTERM)
        #expect(emulator.end().status == 0)
    }

    // MARK: In the background

    @Test func aDaemonCanBeReachedWhenTheCommandReturns() throws {
        let end = try run([
            "swtpm", "socket", "--daemon", "--tpmstate", "dir=state", "--ctrl", "type=unixio,path=control", "--pid",
            "file=pid", "--log", "file=log,level=5,prefix=web", "--flags", "startup-clear",
        ])
        // It returned, although the daemon lives: that one let go of the pipes.
        #expect(end.status == 0 && end.output.isEmpty && end.errors.isEmpty)
        let text = try #require(home.contents("pid").map { String(decoding: $0, as: UTF8.self) })
        let process = try #require(pid_t(text))
        #expect(status(process, "PPid") != status(getpid(), "Pid"))
        #expect(getsid(process) == process)
        #expect(home.mode("log") == 0o600)
        let log = home.contents("log").map { String(decoding: $0, as: UTF8.self) } ?? ""
        #expect(log.contains("web ") && log.contains("TPM_ORD_Startup"))
        #expect(log.split(separator: "\n").allSatisfy { $0.hasPrefix("web ") })
        #expect(try ControlClient(unix: control).request(3) == 0)
        #expect(isGone(process))
        #expect(home.files == ["log", "state"])
    }

    @Test func aDaemonThatCannotStartSaysSo() throws {
        try Data("a shopping list".utf8).write(to: URL(fileURLWithPath: state + "/tpm-00.permall"))
        let end = try run([
            "swtpm", "socket", "-d", "--tpmstate", "dir=state", "--ctrl", "type=unixio,path=control", "--pid",
            "file=pid",
            "--flags", "startup-clear", "--log", "file=log",
        ])
        #expect(end.status == 1)
        #expect(end.errors.contains("state/tpm-00.permall is not the state of a TPM"))
        #expect(home.files == ["log", "state"])
        let log = home.contents("log").map { String(decoding: $0, as: UTF8.self) } ?? ""
        #expect(log.contains("is not the state of a TPM"))
    }

    @Test func rootServesAsAnother() throws {
        guard getuid() == 0 else { return }
        for directory in [home.path, state] { chmod(directory, 0o777) }
        let emulator = try swtpm("--runas", "nobody", "--flags", "startup-clear")
        #expect(emulator.wait(for: "listens at"))
        #expect(try ControlClient(unix: control).request(1) == 0)
        let nobody = try #require(getpwnam("nobody")?.pointee.pw_uid)
        #expect(status(emulator.id, "Uid")?.split(separator: "\t").allSatisfy { $0 == "\(nobody)" } == true)
        emulator.send(SIGTERM)
        #expect(emulator.end().status == 0)
        let stored = try FileManager.default.attributesOfItem(atPath: state + "/tpm-00.permall")
        #expect(stored[.ownerAccountID] as? UInt32 == nobody)
    }

    // MARK: Keys

    @Test func aStateIsEncryptedUnderItsKey() throws {
        try home.write(Array("00112233445566778899aabbccddeeff\n".utf8), to: "key")
        let served = [
            "swtpm", "socket", "--tpmstate", "dir=state,mode=0640", "--ctrl", "type=unixio,path=control", "--flags",
            "startup-clear", "--log", "level=2",
        ]
        let emulator = try Emulator(served + ["--key", "file=key,remove"], in: home.path)
        #expect(emulator.wait(for: "listens at"))
        let board = try ControlClient(unix: control)
        #expect(board.request(15) == 0)
        #expect(board.receive(4) == [0, 0, 0, 1])
        #expect(board.request(3) == 0)
        #expect(emulator.end().status == 0)
        #expect(home.files == ["state"])
        let states = try run(["swtpm", "socket", "--print-states", "--tpmstate", "dir=state"])
        let stored = try Data(contentsOf: URL(fileURLWithPath: state + "/tpm-00.permall"))
        #expect(StateCipher.isSealed(Array(stored)))
        #expect(states.output == #"{ "type": "swtpm", "states": [ {"name": "permall", "size": \#(stored.count)} ] }"#)

        let keyless = try run(served)
        #expect(keyless.status == 1 && keyless.errors.contains("is encrypted: give its key"))
        try home.write(Array("a passphrase".utf8), to: "pass")
        let other = try run(served + ["--key", "pwdfile=pass"])
        #expect(other.status == 1 && other.errors.contains("is encrypted under another key"))
        let mode = try run(served + ["--key", "pwdfile=pass,mode=aes-256-cbc"])
        #expect(mode.status == 1 && mode.errors.contains("is encrypted with aes-128-cbc"))
        #expect(try Data(contentsOf: URL(fileURLWithPath: state + "/tpm-00.permall")) == stored)

        try home.write(Array("0x00112233445566778899AABBCCDDEEFF".utf8), to: "key")
        let again = try Emulator(served + ["--key", "file=key"], in: home.path)
        #expect(again.wait(for: "listens at"))
        again.send(SIGTERM)
        #expect(again.end().status == 0)
    }
}
