import Emulators
import Foundation
import VTPMManager

/// `vtpm manager` in a process of its own, on the software TPM, with a new store in a temporary directory; it ends with
/// the value. The programs lie beside this one.
final class ManagerProcess {
    let admin: AdminClient
    let directory: URL
    private var process: Process

    /// - Parameter pool: how many keys it makes ahead.
    init(pool: Int) throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent(
            "vtpm-bench-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let configuration = directory.appendingPathComponent("manager.toml").path
        let passphrase = directory.appendingPathComponent("passphrase").path
        admin = AdminClient(socket: directory.appendingPathComponent("admin").path)
        process = Process()
        try Data("the operator's passphrase\n".utf8).write(to: URL(fileURLWithPath: passphrase))
        try Data(
            """
            directory = "\(directory.path)/state"
            [anchor]
            address = "software:\(directory.path)/anchor"
            [admin]
            socket = "\(directory.path)/admin"
            [guests]
            sockets = "\(directory.path)/guests"
            [keys]
            pool = \(pool)
            [log]
            level = "warning"

            """.utf8
        ).write(to: URL(fileURLWithPath: configuration))
        _ = try run(
            "vtpm", ["manager", "init", "--config", configuration, "--recovery-passphrase-file", passphrase])
        process = try Self.start("vtpm", ["manager", "run", "--config", configuration], output: nil)
        for _ in 0..<500 where process.isRunning {
            if (try? admin.status()) != nil { return }
            Thread.sleep(forTimeInterval: 0.02)
        }
        throw BenchmarkFailure(description: "vtpm manager does not start")
    }

    deinit {
        if process.isRunning { process.terminate() }
        process.waitUntilExit()
        try? FileManager.default.removeItem(at: directory)
    }

    /// Bytes of memory (PSS).
    func memory() throws -> Int { try Memory.ofProcess(process.processIdentifier) }

    /// A new guest that takes commands as they are.
    func createGuest(_ number: Int) throws -> GuestReport {
        try admin.createGuest(GuestRequest(name: "guest-\(number)", interface: .raw))
    }

    /// What a program of this package prints when it ends with status 0.
    func run(_ program: String, _ arguments: [String]) throws -> String {
        let pipe = Pipe()
        let process = try Self.start(program, arguments, output: pipe)
        let output = String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw BenchmarkFailure(description: "\(program) \(arguments.first ?? "") failed: \(output)")
        }
        return output
    }

    private static func start(_ program: String, _ arguments: [String], output: Pipe?) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
            .deletingLastPathComponent().appendingPathComponent(program)
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        if let output { process.standardOutput = output }
        try process.run()
        return process
    }
}
