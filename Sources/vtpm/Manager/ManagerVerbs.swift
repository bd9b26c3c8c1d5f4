import ArgumentParser

/// `vtpm manager`: the daemon, and what is done with it as a whole.
struct ManagerVerbs: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "manager", abstract: "Give every guest of this host a TPM, anchored in the hardware TPM.",
        subcommands: [
            ManagerRun.self, ManagerInit.self, ManagerStatusVerb.self, ManagerApprove.self, ManagerRecover.self,
            ManagerQuotingKey.self,
        ], defaultSubcommand: ManagerRun.self)
}
