import ArgumentParser
import Foundation
import VTPMManager

/// Which manager a verb talks to.
struct ManagerOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The manager's admin socket.",
            discussion:
                "Without it, the environment variable VTPM_MANAGER counts, and then \(AdminClient.standardSocket).",
            valueName: "path"))
    var socket: String?

    var client: AdminClient {
        AdminClient(
            socket: socket ?? ProcessInfo.processInfo.environment["VTPM_MANAGER"] ?? AdminClient.standardSocket)
    }
}

/// How a verb shows what the manager reports.
struct ReportOptions: ParsableArguments {
    @Flag(help: "Print JSON, as the admin socket has it.")
    var json = false

    func show(_ report: some Encodable, as text: () -> String) throws {
        print(json ? try AdminJSON.text(of: report) : text())
    }
}

extension GuestInterface: ExpressibleByArgument {}
extension GuestIsolation: ExpressibleByArgument {}
