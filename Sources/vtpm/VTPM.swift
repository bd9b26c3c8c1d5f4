import ArgumentParser

/// The one executable: every verb is a subcommand, and none has logic of its own.
@main
struct VTPM: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vtpm", abstract: "A software TPM 1.2.", version: "0.1.0",
        subcommands: [])
}
