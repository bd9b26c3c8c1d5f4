import ArgumentParser
import Foundation
import Glibc
import VTPMManager

/// Where the configuration is.
struct ConfigurationOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The configuration file; \(ManagerConfiguration.standardPath) if it is there.", valueName: "file"))
    var config: String?

    var name: String { config ?? ManagerConfiguration.standardPath }

    /// Ends the process with status 78 (EX_CONFIG) when the file is wrong.
    func read() throws -> ManagerConfiguration {
        do throws(ConfigurationError) { return try ManagerConfiguration(reading: config) } catch {
            Output.write("vtpm: \(error)\n", to: STDERR_FILENO)
            throw ExitCode(78)
        }
    }
}
