import ArgumentParser
import TPMClient

struct ResetLock: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "End the lockout that follows wrong secrets.")

    @OptionGroup var options: TPMOptions
    @OptionGroup var owner: OwnerOptions

    func run() throws {
        try options.client().resetLock(owner: try owner.secret())
    }
}
