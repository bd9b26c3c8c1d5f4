import ArgumentParser
import Glibc
import VTPMManager

/// `vtpm manager status`
struct ManagerStatusVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show how the manager does.",
        discussion: """
            The exit status is 0 when all is well, 1 when something does not work now (the last lines say what, and what to \
            do about it), and 2 when the manager does not answer.
            """)

    @OptionGroup var options: ManagerOptions
    @OptionGroup var report: ReportOptions

    func run() throws {
        let status: ManagerStatus
        do {
            status = try options.client.status()
        } catch AdminClientError.unreachable(let sentence) {
            Output.write("vtpm: \(sentence)\n", to: STDERR_FILENO)
            throw ExitCode(2)
        }
        try report.show(status) { status.text }
        if !status.isHealthy { throw ExitCode.failure }
    }
}

/// `vtpm manager quoting-key`
struct ManagerQuotingKey: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "quoting-key", abstract: "Print the key that signs the hardware's quotes (PEM).",
        discussion: "A challenger gives it to vtpm verify-quote, and has to know from elsewhere that it is this host's."
    )

    @OptionGroup var options: ManagerOptions

    func run() throws { Output.write(try options.client.quotingKey().pem, to: STDOUT_FILENO) }
}
