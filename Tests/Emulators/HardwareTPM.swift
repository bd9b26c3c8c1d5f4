import Foundation
import Glibc
import TPMClient

/// Debian's swtpm in the place of a machine's hardware TPM: its process can be killed, stopped and started again, at the
/// same socket and with the state that it kept. It ends with the value.
public final class HardwareTPM {
    public enum Version: Sendable {
        case tpm12
        case tpm20
    }

    public let version: Version
    /// The Unix socket where it takes commands, one client at a time; with `.ctrl` behind it that of its control channel.
    public let socket: String
    private let directory: URL
    private var process: Process?

    /// The number of its process, while it has power.
    public var identifier: Int32? { process?.processIdentifier }

    /// Where it keeps its state.
    public var state: URL { directory.appendingPathComponent("state") }

    /// Starts one.
    ///
    /// - Parameter state: begins with a copy of this state; nil for a new TPM.
    public init(_ version: Version, copying state: URL? = nil) throws {
        self.version = version
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("hw-\(UUID().uuidString.prefix(8))")
        socket = directory.appendingPathComponent("tpm").path
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        if let state {
            try FileManager.default.copyItem(at: state, to: self.state)
        } else {
            try FileManager.default.createDirectory(at: self.state, withIntermediateDirectories: true)
        }
        try start()
    }

    deinit {
        kill()
        try? FileManager.default.removeItem(at: directory)
    }

    /// The machine starts: the TPM has power and TPM_Startup, or TPM2_Startup, behind it.
    public func start() throws {
        kill()
        for file in [socket, socket + ".ctrl"] { unlink(file) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/swtpm")
        process.arguments =
            ["socket"] + (version == .tpm20 ? ["--tpm2"] : []) + [
                "--tpmstate", "dir=\(state.path)", "--server", "type=unixio,path=\(socket)",
                "--ctrl", "type=unixio,path=\(socket).ctrl", "--flags", "not-need-init,startup-clear",
            ]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        self.process = process
        for _ in 0..<500 where process.isRunning {
            // Any answer shows that it listens.
            if (try? execute([0x00, 0xc1, 0, 0, 0, 10, 0, 0, 0, 0x50])) != nil { return }
            Thread.sleep(forTimeInterval: 0.01)
        }
        throw EmulatorFailure(description: "swtpm did not start; it is Debian's package swtpm")
    }

    /// The machine loses power, in the middle of whatever it is doing.
    public func kill() {
        guard let process else { return }
        Glibc.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        self.process = nil
    }

    /// Starts with the state of another, which ends: as if its chip had been put onto this board.
    public func swap(with other: HardwareTPM) throws {
        kill()
        other.kill()
        try FileManager.default.removeItem(at: state)
        try FileManager.default.copyItem(at: other.state, to: state)
        try start()
    }

    /// It answers nothing until it is let go on.
    public func hang(_ hangs: Bool) {
        guard let process else { return }
        Glibc.kill(process.processIdentifier, hangs ? SIGSTOP : SIGCONT)
    }

    /// One command over a connection of its own.
    public func execute(_ command: [UInt8]) throws -> [UInt8] {
        try TPMAddress.unix(path: socket).open(timeout: .seconds(10)).transmit(command)
    }
}
