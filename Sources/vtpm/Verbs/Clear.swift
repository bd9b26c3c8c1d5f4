import ArgumentParser
import TPMClient

struct Clear: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Remove the owner. Everything that was sealed under the storage root key is lost.",
        discussion: "With --force it needs no secret, but physical presence at the TPM.")

    @OptionGroup var options: TPMOptions
    @OptionGroup var owner: OwnerOptions

    @Flag(help: "Clear by physical presence, without the owner's secret.")
    var force = false

    func run() throws {
        let tpm = try options.client()
        if force { try tpm.forceClear() } else { try tpm.clear(owner: try owner.secret()) }
    }
}
