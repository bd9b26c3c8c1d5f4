import ArgumentParser
import Glibc
import TPMCrypto
import VTPMManager

/// `vtpm manager recover`: brings the store back on other hardware.
struct ManagerRecover: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recover", abstract: "Open the store with the recovery key, and keep it to the hardware of today.",
        discussion: """
            For when the hardware TPM is another one, was cleared, or the machine boots what nobody approved. It is done \
            while no manager runs, and noted among the events of each guest. Afterwards the store opens on this hardware \
            and on no other; groups with approvals open in what was approved and in what the machine booted now.

            Example:
              vtpm manager recover --recovery-key recovery-private.pem --recovery-ask
            """)

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var owner: AnchorOwnerOptions

    @Option(help: ArgumentHelp("The recovery key's private half (PEM).", valueName: "file"))
    var recoveryKey: String

    @OptionGroup var passphrase: RecoveryPassphraseOptions

    @Flag(
        help: """
            Take the store even if this hardware knows a later one, or another: what was written since is lost, and \
            what was revoked since is valid again.
            """)
    var acceptOlderStore = false

    func run() throws {
        let configuration = try options.read()
        let key = try RecoveryPrivateKey(
            pem: try Files.read(recoveryKey, limit: 64 << 10),
            passphrase: passphrase.isGiven ? try passphrase.read() : nil)
        let guests = try owner.setup(configuration).recover(with: key, acceptsOlderStore: acceptOlderStore)
        print("The store with its \(guests) guests is kept to this machine's hardware now: start the manager.")
    }
}
