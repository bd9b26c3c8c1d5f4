import ArgumentParser
import Foundation
import Glibc
import VTPMManager

/// `vtpm guest`
struct GuestVerbs: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "guest", abstract: "Give guests TPMs, and look after them.",
        discussion: """
            A guest is named by its name or its UUID. Its TPM is reached at a Unix socket while it runs. With the interface \
            "control" that is swtpm's control protocol, as QEMU speaks it, and QEMU gives the TPM its power; with "raw" \
            it is TPM commands and responses, and the TPM has power and has been started. With "xen" it has no socket: a \
            domain of Xen has it as a vTPM device, and it has power while the domain lives.

            Examples:
              vtpm guest create web --group web
              qemu-system-x86_64 … -chardev socket,id=tpm,path=/run/vtpm/guests/UUID.sock \\
                -tpmdev emulator,id=tpm0,chardev=tpm -device tpm-tis,tpmdev=tpm0
              vtpm guest list
            """,
        subcommands: [
            GuestCreate.self, GuestList.self, GuestShow.self, GuestStart.self, GuestStop.self, GuestSuspend.self,
            GuestResume.self, GuestDestroy.self, GuestEvents.self, GuestQuote.self, GuestQuotingKey.self,
        ])
}

struct GuestCreate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Make a guest with a new TPM, and start it.",
        discussion: """
            A guest that was started is started again whenever the manager is.

            Examples:
              vtpm guest create web --uuid 6f9c6d0e-5a2b-4a39-8d1c-0e6f3f6d2a11 --group web --link-pcrs 0,2,4,7
              vtpm guest create build --interface raw --isolation process --no-start
            """)

    @Argument(help: "The guest's name.")
    var name: String

    @Option(
        help: ArgumentHelp("The guest's UUID, the domain's say; one is made up without it.", valueName: "uuid"),
        transform: { text in
            guard let uuid = UUID(uuidString: text) else { throw ValidationError("'\(text)' is no UUID.") }
            return uuid
        })
    var uuid: UUID?

    @Option(help: ArgumentHelp("The guest's group; \"default\" without it.", valueName: "name"))
    var group: String?

    @Option(help: "How the guest reaches its TPM: swtpm's control protocol, bare TPM commands, or a device of Xen.")
    var interface = GuestInterface.control

    @Option(help: "Whether a process of its own, without privileges, has the guest's TPM.")
    var isolation = GuestIsolation.none

    @Option(
        help: ArgumentHelp(
            "PCRs of the guest that start from the values of the host's, each time that the TPM starts.",
            valueName: "list"))
    var linkPcrs: PCRSelection?

    @Flag(help: "Leave the guest stopped.")
    var noStart = false

    @OptionGroup var options: ManagerOptions
    @OptionGroup var report: ReportOptions

    func run() throws {
        let guest = try options.client.createGuest(
            GuestRequest(
                name: name, id: uuid, group: group, interface: interface, isolation: isolation,
                linkedPCRs: linkPcrs?.indices, starts: !noStart))
        try report.show(guest) { guest.text }
    }
}

struct GuestList: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Show all guests.")

    @OptionGroup var options: ManagerOptions
    @OptionGroup var report: ReportOptions

    func run() throws {
        let guests = try options.client.guests()
        try report.show(guests) { GuestReport.table(guests) }
    }
}

/// Which guest a verb is about.
struct GuestArgument: ParsableArguments {
    @Argument(help: "The guest's name or UUID.")
    var guest: String
}

struct GuestShow: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Show a guest.")

    @OptionGroup var argument: GuestArgument
    @OptionGroup var options: ManagerOptions
    @OptionGroup var report: ReportOptions

    func run() throws {
        let guest = try options.client.guest(argument.guest)
        try report.show(guest) { guest.text }
    }
}

struct GuestEvents: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events", abstract: "Show what happened to a guest, oldest first.")

    @OptionGroup var argument: GuestArgument
    @OptionGroup var options: ManagerOptions
    @OptionGroup var report: ReportOptions

    func run() throws {
        let events = try options.client.events(of: argument.guest)
        try report.show(events) { EventReport.table(events) }
    }
}

struct GuestQuotingKey: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "quoting-key", abstract: "Print the key that signs the guest's quotes (PEM).")

    @OptionGroup var argument: GuestArgument
    @OptionGroup var options: ManagerOptions

    func run() throws { Output.write(try options.client.quotingKey(of: argument.guest).pem, to: STDOUT_FILENO) }
}
