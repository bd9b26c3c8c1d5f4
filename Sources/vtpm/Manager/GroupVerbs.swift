import ArgumentParser
import TPMCrypto
import VTPMManager

/// `vtpm group`
struct GroupVerbs: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "group", abstract: "Say which guests start in which configurations of the host.",
        discussion: """
            Every guest is in a group, whose key opens the guest's TPM. The key of a group without an approval key opens on \
            this machine, whatever it booted. That of a group with one opens only in a configuration (values of PCRs of \
            the hardware TPM) that a list names which is signed with the approval key: see vtpm manager approve.

            Examples:
              vtpm group create web --approval-key operator.pub.pem --pcrs 0,2,4,7
              vtpm group list
            """,
        subcommands: [GroupCreate.self, GroupList.self, GroupShow.self, GroupDelete.self])
}

struct GroupCreate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Make a group.",
        discussion: "With an approval key, the first approved configuration is what the machine booted now.")

    @Argument(help: "The group's name.")
    var name: String

    @Option(help: ArgumentHelp("The Ed25519 public key (PEM) that signs approvals.", valueName: "file"))
    var approvalKey: String?

    @Option(
        help: ArgumentHelp("With --approval-key: which PCRs count; 0,2,4,7 unless said otherwise.", valueName: "list"))
    var pcrs: PCRSelection?

    @OptionGroup var options: ManagerOptions
    @OptionGroup var report: ReportOptions

    func validate() throws {
        guard pcrs == nil || approvalKey != nil else { throw ValidationError("--pcrs needs --approval-key.") }
    }

    func run() throws {
        let key = try approvalKey.map { try Ed25519PublicKey(pem: try Files.read($0, limit: 64 << 10).bytes).pem }
        let group = try options.client.createGroup(GroupRequest(name: name, approvalKey: key, pcrs: pcrs?.indices))
        try report.show(group) { group.text }
    }
}

struct GroupList: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Show all groups.")

    @OptionGroup var options: ManagerOptions
    @OptionGroup var report: ReportOptions

    func run() throws {
        let groups = try options.client.groups()
        try report.show(groups) { GroupReport.table(groups) }
    }
}

struct GroupShow: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Show a group.")

    @Argument(help: "The group's name.")
    var name: String

    @OptionGroup var options: ManagerOptions
    @OptionGroup var report: ReportOptions

    func run() throws {
        let group = try options.client.group(name)
        try report.show(group) { group.text }
    }
}

struct GroupDelete: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Delete a group that has no guests.")

    @Argument(help: "The group's name.")
    var name: String

    @OptionGroup var options: ManagerOptions

    func run() throws { try options.client.deleteGroup(name) }
}
