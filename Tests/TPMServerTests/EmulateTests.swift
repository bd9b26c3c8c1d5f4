import Foundation
import TestSupport
import Testing

@testable import TPMServer

/// The program itself, as a process.
@Suite struct EmulateTests {
    private let home: TemporaryDirectory

    init() throws { home = try TemporaryDirectory() }

    private func emulate(_ arguments: String...) throws -> Emulator {
        try Emulator(["emulate", "--key-pool", "0"] + arguments)
    }

    @Test func whatWasAnsweredSurvivesAKill() throws {
        var register: [UInt8] = []
        for round in 0..<3 {
            let emulator = try emulate("--state", home.path, "--listen", "tcp:127.0.0.1:0")
            let client = try RawClient(port: try #require(emulator.port))
            // Works only where an earlier life answered presenceEnable.
            #expect((returnCode(client.transmit(presencePresent)) == 0) == (round > 0))
            #expect(returnCode(client.transmit(presenceEnable)) == 0)
            register = client.transmit(extend(1))
            emulator.send(SIGKILL)
            _ = emulator.end()
        }
        #expect(returnCode(register) == 0)
    }

    @Test func aStateWithoutAnAddressIsServedInItsDirectory() throws {
        let emulator = try emulate("--state", home.path)
        #expect(emulator.wait(for: "unix:\(home.path)/tpm.sock"))
        #expect(try RawClient(unix: home.path + "/tpm.sock").transmit(pcrRead).count == 30)
        let second = try emulate("--state", home.path)
        let end = second.end()
        #expect(end.status == 1)
        #expect(end.errors.contains("The TPM in \(home.path) is being served by another process"))
        emulator.send(SIGHUP)
        #expect(try RawClient(unix: home.path + "/tpm.sock").transmit(pcrRead).count == 30)
        emulator.send(SIGTERM)
        #expect(emulator.end().status == 0)
        #expect(home.files == ["lock", "tpm.state"])
    }

    @Test func aRefusedStateEndsItWithASentence() throws {
        try home.write(Array("a shopping list".utf8), to: "tpm.state")
        let end = try emulate("--state", home.path).end()
        #expect(end.status == 1)
        #expect(end.errors.contains("\(home.path)/tpm.state is not the state of a TPM"))
        #expect(home.contents("tpm.state") == Array("a shopping list".utf8))
    }

    @Test func aStateStartupNeedsASavedState() throws {
        let end = try emulate("--state", home.path, "--startup", "state").end()
        #expect(end.status == 1)
        #expect(end.errors.contains("TPM_SaveState left nothing"))
    }

    @Test func anAddressThatIsTakenEndsIt() throws {
        let emulator = try emulate("--ephemeral", "--listen", "tcp:127.0.0.1:0")
        let port = try #require(emulator.port)
        let end = try emulate("--ephemeral", "--listen", "tcp:127.0.0.1:\(port)").end()
        #expect(end.status == 1)
        #expect(end.errors.contains("tcp:127.0.0.1:\(port)"))
        emulator.send(SIGINT)
        #expect(emulator.end().status == 0)
    }

    @Test(arguments: [
        [], ["--ephemeral"], ["--ephemeral", "--state", "x"], ["--ephemeral", "--listen", "tcp:1"],
        ["--state", "x", "--startup", "warm"], ["--state", "x", "--key-pool", "-1"],
    ])
    func wrongOptionsAreUsageErrors(arguments: [String]) throws {
        #expect(try Emulator(["emulate"] + arguments).end().status == 64)
    }

    @Test func aTraceNamesFieldsAndMasksSecrets() throws {
        let emulator = try emulate("--ephemeral", "--listen", "tcp:127.0.0.1:0", "--trace")
        #expect(try RawClient(port: try #require(emulator.port)).transmit(pcrRead).count == 30)
        emulator.send(SIGTERM)
        let output = emulator.end().output
        for text in ["TPM_ORD_Startup", "TPM_ORD_PcrRead", "pcrIndex", "outDigest", "TPM_SUCCESS"] {
            #expect(output.contains(text), "\(text)")
        }
    }
}

/// A running `vtpm`, from beside the tests.
final class Emulator {
    private let process = Process()
    private let output = Pipe()
    private let errors = Pipe()
    private var heard = ""

    /// - Parameters:
    ///   - program: another name of the program; nil for its own.
    ///   - input: the standard input; nil for none.
    init(
        _ arguments: [String], program: URL? = nil, in directory: String? = nil, input: FileHandle? = nil
    ) throws {
        process.executableURL = program ?? Self.program
        process.arguments = arguments
        if let directory { process.currentDirectoryURL = URL(fileURLWithPath: directory) }
        process.standardInput = input ?? FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = errors
        try process.run()
    }

    static var program: URL {
        let tests = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        let bundle = Bundle.allBundles.map(\.bundleURL).first { $0.pathExtension == "xctest" } ?? tests
        return bundle.deletingLastPathComponent().appendingPathComponent("vtpm")
    }

    var id: pid_t { process.processIdentifier }

    deinit { if process.isRunning { send(SIGKILL) } }

    /// True when the log says so, now or later; false when the process ended without.
    func wait(for text: String) -> Bool {
        while !heard.contains(text) {
            let data = errors.fileHandleForReading.availableData
            guard !data.isEmpty else { return false }
            heard += String(decoding: data, as: UTF8.self)
        }
        return true
    }

    /// Where it listens.
    var port: UInt16? {
        guard wait(for: "listens at tcp:127.0.0.1:"), wait(for: ".\n") else { return nil }
        return heard.range(of: "tcp:127.0.0.1:").flatMap { UInt16(heard[$0.upperBound...].prefix { $0.isNumber }) }
    }

    func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

    /// What is left of a process that ends; one that does not is killed after a minute.
    func end() -> (status: Int32, output: String, errors: String) {
        let id = process.processIdentifier
        let killer = DispatchWorkItem { kill(id, SIGKILL) }
        DispatchQueue.global().asyncAfter(deadline: .now() + 60, execute: killer)
        defer { killer.cancel() }
        let written = output.fileHandleForReading.readDataToEndOfFile()
        let rest = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (
            process.terminationStatus, String(decoding: written, as: UTF8.self),
            heard + String(decoding: rest, as: UTF8.self)
        )
    }
}
