import Emulators
import Foundation
import TPMClient

/// Holds the engine against Debian's swtpm: the same commands to both, and their answers compared.
///
///     vtpm-differential [--seed N] [--commands N] [--flow NAME] [--hostile SECONDS] [--verbose]
///
/// Runs the flows of every chapter, each command of which is first sent in every malformed form; then each command in
/// every state that may refuse it; then random sequences of plausible commands; at last damaged commands to the engine
/// alone. The status is 0 when no difference was found but those that KnownDifference lists, 1 when there was one, 2
/// for options that are none, and 3 when the test could not be run.
@main
struct Differential {
    static func main() {
        // A peer that closes the connection is an error of the call, not the end of this process.
        signal(SIGPIPE, SIG_IGN)
        guard let options = Options(CommandLine.arguments.dropFirst()) else {
            print(
                "usage: vtpm-differential [--seed N] [--commands N] [--flow NAME] [--hostile SECONDS] [--verbose]\n"
                    + "flows: \(Chapter.all.flatMap(\.flows).map(\.name).joined(separator: ", "))")
            exit(2)
        }
        guard Emulator.hasSwtpm else {
            print("swtpm is not installed (apt-get install swtpm)")
            exit(3)
        }
        do { exit(try run(options) ? 0 : 1) } catch {
            print("vtpm-differential: \(error)")
            exit(3)
        }
    }

    private static func run(_ options: Options) throws -> Bool {
        let report = Report(isVerbose: options.isVerbose)
        let pair = try Pair(seed: options.seed, report: report)
        try pair.prepare()
        try pair.runFlows(named: options.flow)
        if options.flow == nil {
            try pair.runGates()
            try RandomSequences(pair, seed: options.seed).run(commands: options.commands)
            try HostileInput(pair, seed: options.seed).run(seconds: options.hostileSeconds)
        }
        report.printSummary()
        return report.failed == 0
    }
}

/// What the command line says.
private struct Options {
    var seed: UInt32 = 1
    var commands = 20_000
    var flow: String?
    var hostileSeconds = 10
    var isVerbose = false

    init?(_ arguments: ArraySlice<String>) {
        var rest = arguments
        while let option = rest.popFirst() {
            switch option {
            case "--verbose": isVerbose = true
            case "--seed":
                guard let value = rest.popFirst().flatMap(UInt32.init) else { return nil }
                seed = value
            case "--commands":
                guard let value = rest.popFirst().flatMap(Int.init), value >= 0 else { return nil }
                commands = value
            case "--hostile":
                guard let value = rest.popFirst().flatMap(Int.init), value >= 0 else { return nil }
                hostileSeconds = value
            case "--flow":
                guard let name = rest.popFirst(), Chapter.all.contains(where: { $0.flows.contains { $0.name == name } })
                else { return nil }
                flow = name
            default: return nil
            }
        }
    }
}
