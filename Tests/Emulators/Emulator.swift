import Foundation
import TPMClient

/// An emulator in a process of its own, on a Unix socket, with new state in a temporary directory; it ends with the
/// value.
public final class Emulator {
    private let process: Process
    private let directory: URL
    public let transport: any Transport
    /// Where swtpm keeps its state.
    public let state: URL
    /// swtpm's control channel, when it was asked for.
    public let control: SwtpmControl?

    /// The project's own, which lies beside this program. Keys are made when asked for unless `keyPool` says otherwise.
    public static func vtpm(keyPool: Int = 0) throws -> Emulator {
        let program = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
            .deletingLastPathComponent().appendingPathComponent("vtpm")
        return try Emulator(program) { state, socket in
            ["emulate", "--state", state, "--listen", "unix:\(socket)", "--key-pool", "\(keyPool)"]
        }
    }

    /// Debian's, of the package swtpm.
    ///
    /// - Parameter isControlled: with its control channel; TPM_Startup is then left to the caller.
    public static func swtpm(isControlled: Bool = false) throws -> Emulator {
        try Emulator(URL(fileURLWithPath: swtpmPath), isControlled: isControlled) { state, socket in
            let control = isControlled ? ["--ctrl", "type=unixio,path=\(socket).control"] : []
            let start = isControlled ? "not-need-init" : "not-need-init,startup-clear"
            return ["socket", "--tpmstate", "dir=\(state)", "--server", "type=unixio,path=\(socket)"] + control
                + ["--flags", start]
        }
    }

    public static var hasSwtpm: Bool { FileManager.default.isExecutableFile(atPath: swtpmPath) }

    private static let swtpmPath = "/usr/bin/swtpm"

    private init(
        _ program: URL, isControlled: Bool = false, arguments: (_ state: String, _ socket: String) -> [String]
    ) throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("vtpm-emulator-\(UUID())")
        state = directory.appendingPathComponent("state")
        try FileManager.default.createDirectory(at: state, withIntermediateDirectories: true)
        let socket = directory.appendingPathComponent("socket").path
        let log = directory.appendingPathComponent("log")
        try Data().write(to: log)
        process = Process()
        process.executableURL = program
        process.arguments = arguments(state.path, socket)
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: log)
        process.standardError = process.standardOutput
        do {
            try process.run()
            transport = try Self.connect(socket, process)
            control = isControlled ? try SwtpmControl(path: socket + ".control") : nil
        } catch {
            let words = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
            if process.isRunning { process.terminate() }
            try? FileManager.default.removeItem(at: directory)
            throw EmulatorFailure(description: "\(program.path) did not start: \(error)\n\(words)")
        }
    }

    deinit {
        process.terminate()
        process.waitUntilExit()
        try? FileManager.default.removeItem(at: directory)
    }

    /// Tries until the emulator listens: it has no other way to say so that both share.
    private static func connect(_ socket: String, _ process: Process) throws -> any Transport {
        let address = try TPMAddress("unix:\(socket)")
        for _ in 0..<200 where process.isRunning {
            if let transport = try? address.open() { return transport }
            Thread.sleep(forTimeInterval: 0.02)
        }
        return try address.open()
    }
}

/// Why an emulator did not start or does not work, in a sentence.
public struct EmulatorFailure: Error, CustomStringConvertible {
    public let description: String

    public init(description: String) { self.description = description }
}
