import ArgumentParser
import TPMServer
import VTPMManager

/// The one executable: every verb is a subcommand, and none has logic of its own.
@main
struct VTPM: ParsableCommand {
    static let version = VTPMVersion.current

    static let configuration = CommandConfiguration(
        commandName: "vtpm", abstract: "A software TPM 1.2, and the tools to use one.", version: version,
        groupedSubcommands: [
            CommandGroup(name: "Be a TPM", subcommands: [Emulate.self, Swtpm.self]),
            CommandGroup(name: "Look at a TPM", subcommands: [Info.self, PCRs.self, Ordinals.self]),
            CommandGroup(
                name: "Own a TPM", subcommands: [CreateEK.self, TakeOwnership.self, Clear.self, ResetLock.self]),
            CommandGroup(
                name: "Use a TPM",
                subcommands: [Extend.self, Seal.self, Unseal.self, RandomBytes.self, Send.self]),
            CommandGroup(
                name: "Test what uses a TPM", subcommands: [TestTPMVerb.self]),
            CommandGroup(
                name: "Manage a host's guests",
                subcommands: [ManagerVerbs.self, GroupVerbs.self, GuestVerbs.self, VerifyQuote.self]),
        ])

    static func main() {
        // Before all else: a process like that has nothing but what its manager gave it.
        if CommandLine.arguments.dropFirst().first == GuestEngine.verb {
            GuestEngine.run(CommandLine.arguments.dropFirst(2))
        }
        if let arguments = Swtpm.arguments(of: CommandLine.arguments) { Swtpm.end(arguments) }
        main(nil)
    }
}
