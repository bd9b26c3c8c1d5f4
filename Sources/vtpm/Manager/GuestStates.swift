import ArgumentParser
import VTPMManager

// The verbs that change whether a guest's TPM runs.

struct GuestStart: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start", abstract: "Start a guest's TPM, now and whenever the manager is started.")

    @OptionGroup var argument: GuestArgument
    @OptionGroup var options: ManagerOptions
    @OptionGroup var report: ReportOptions

    func run() throws {
        let guest = try options.client.startGuest(argument.guest)
        try report.show(guest) { guest.text }
    }
}

struct GuestStop: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop", abstract: "Take the power from a guest's TPM, and serve it no more.",
        discussion: "What is volatile is lost, as at every loss of power.")

    @OptionGroup var argument: GuestArgument
    @OptionGroup var options: ManagerOptions
    @OptionGroup var report: ReportOptions

    func run() throws {
        let guest = try options.client.stopGuest(argument.guest)
        try report.show(guest) { guest.text }
    }
}

struct GuestSuspend: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "suspend", abstract: "Put a guest's running TPM on disk, with all that is volatile.")

    @OptionGroup var argument: GuestArgument
    @OptionGroup var options: ManagerOptions
    @OptionGroup var report: ReportOptions

    func run() throws {
        let guest = try options.client.suspendGuest(argument.guest)
        try report.show(guest) { guest.text }
    }
}

struct GuestResume: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Go on with a TPM that was suspended.")

    @OptionGroup var argument: GuestArgument
    @OptionGroup var options: ManagerOptions
    @OptionGroup var report: ReportOptions

    func run() throws {
        let guest = try options.client.resumeGuest(argument.guest)
        try report.show(guest) { guest.text }
    }
}

struct GuestDestroy: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "destroy", abstract: "Remove a guest that is not running, and its TPM, for good.",
        discussion:
            "Whatever was sealed or encrypted to the TPM cannot be opened any more, also not with the recovery key.")

    @OptionGroup var argument: GuestArgument

    @Flag(help: "Do not ask for the guest's name at the terminal.")
    var yes = false

    @OptionGroup var options: ManagerOptions

    func run() throws {
        let guest = try options.client.guest(argument.guest)
        if !yes {
            let question = "The TPM of \(guest.name) (\(guest.id)) will be gone for good. Type the guest's name: "
            guard try Terminal.readLine(question) == guest.name else {
                throw FileError("that is not the guest's name: nothing was destroyed")
            }
        }
        // By its UUID: the name could be another's by now.
        try options.client.destroyGuest(guest.id.uuidString)
    }
}
