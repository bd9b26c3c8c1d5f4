import Foundation
import Glibc
import TPMServer

extension SwtpmSocket {
    func run() throws {
        let configuration = try configuration(environment: ProcessInfo.processInfo.environment)
        switch configuration.task {
        case .serve: try SwtpmServing(configuration: configuration).run()
        case .printCapabilities: Output.write(Self.capabilities + "\n", to: STDOUT_FILENO)
        case .printStates: Output.write(try Self.states(configuration.state), to: STDOUT_FILENO)
        case .printInformation(let flags): Output.write(TPMInformation.json(flags) + "\n", to: STDOUT_FILENO)
        }
    }

    /// What a caller may rely on beyond the first swtpm, by swtpm's names.
    private static let features = [
        "tpm-1.2", "flags-opt-startup", "ctrl-opt-terminate", "cmdarg-seccomp", "cmdarg-key-fd", "cmdarg-pwd-fd",
        "cmdarg-print-states", "cmdarg-print-info", "cmdarg-migration", "nvram-backend-dir", "tpmstate-opt-lock",
        "tpmstate-dir-backend-opt-fsync",
    ]

    static var capabilities: String {
        let features = features.map { "\"\($0)\"" }.joined(separator: ", ")
        return #"{ "type": "swtpm", "features": [ \#(features) ], "version": "\#(VTPM.version)" }"#
    }

    /// The states in a directory, by swtpm's names, and their sizes in bytes.
    private static func states(_ state: SwtpmConfiguration.State?) throws -> String {
        guard let state else { throw SwtpmError("--print-states needs a directory: give --tpmstate dir=PATH.") }
        let states = try StateDirectory.stored(in: state.directory).map { blob in
            #"{"name": "\#(blob.name)", "size": \#(blob.size)}"#
        }
        let list = states.isEmpty ? "" : " \(states.joined(separator: ", ")) "
        return #"{ "type": "swtpm", "states": [\#(list)] }"#
    }
}
