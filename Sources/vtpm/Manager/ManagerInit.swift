import ArgumentParser
import Foundation
import Glibc
import HardwareAnchor
import TPMCrypto
import VTPMManager

/// `vtpm manager init`: makes the store.
struct ManagerInit: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Make the store, and what it needs in the hardware TPM.",
        discussion: """
            Makes keys, a counter and a record in the hardware TPM, and the store with the group "default". It is done \
            once, while no manager runs. When it failed or was interrupted, it may be repeated.

            The recovery key brings everything back on other hardware, and nothing else does. It is an RSA public key of \
            yours, whose private half stays away from this machine; or one that is made here and encrypted with a \
            passphrase: then move recovery-private.pem from the state directory to a safe place.

            With an approval key the guests of the group "default" start on this machine while it boots what it booted \
            now, and what you approve with that key (vtpm manager approve).

            Examples:
              vtpm manager init --recovery-key operator.pem --owner-auth-file /root/owner
              vtpm manager init --recovery-passphrase-file /root/passphrase --approval-key approval.pem --pcrs 0,2,4,7
            """)

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var owner: AnchorOwnerOptions

    @Option(help: ArgumentHelp("Your RSA public key (PEM, 2048 to 4096 bits).", valueName: "file"))
    var recoveryKey: String?

    @OptionGroup var passphrase: RecoveryPassphraseOptions

    @Option(help: ArgumentHelp("The Ed25519 public key (PEM) that signs approvals.", valueName: "file"))
    var approvalKey: String?

    @Option(
        help: ArgumentHelp("With --approval-key: which PCRs count; 0,2,4,7 unless said otherwise.", valueName: "list"))
    var pcrs: PCRSelection?

    func validate() throws {
        guard (recoveryKey != nil) != passphrase.isGiven else {
            throw ValidationError(
                "Say who can bring the store back: --recovery-key, --recovery-passphrase-file or --recovery-ask.")
        }
        guard pcrs == nil || approvalKey != nil else { throw ValidationError("--pcrs needs --approval-key.") }
    }

    func run() throws {
        let configuration = try options.read()
        let setup = try owner.setup(configuration)
        let group = GroupRequest(
            name: "default",
            approvalKey: try approvalKey.map {
                String(decoding: try Files.read($0, limit: 64 << 10).bytes, as: UTF8.self)
            },
            pcrs: pcrs?.indices)
        if let recoveryKey {
            let key = try RecoveryPublicKey(pem: try Files.read(recoveryKey, limit: 64 << 10).bytes)
            try setup.initialise(recoveryKey: key, group: group)
        } else {
            let secret = try passphrase.read(isNew: true)
            Output.write("Making the recovery key.\n", to: STDERR_FILENO)
            let key = try RecoveryPrivateKey.generate()
            let pem = try key.encryptedPEM(passphrase: secret)
            try setup.initialise(recoveryKey: key.publicKey, group: group, encryptedRecoveryKey: pem)
            print("The recovery key is in \(setup.recoveryKeyPath), encrypted: move it to a safe place.")
        }
        print("The store in \(configuration.directory) is ready: start the manager.")
    }
}

/// The hardware's owner.
struct AnchorOwnerOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A file whose first line is the passphrase of the hardware TPM's owner. Without it the owner's "
                + "authorization is the well-known one (TPM 1.2: 20 zero bytes; TPM 2.0: empty).", valueName: "file"))
    var ownerAuthFile: String?

    @Flag(help: "The owner's authorization is the well-known one (the default).")
    var ownerWellKnown = false

    @Flag(
        help: """
            Remove what the TPM has of another store whose anchor.material is lost. That store can then be brought back \
            with its recovery key alone.
            """)
    var replaceAnchor = false

    func validate() throws {
        guard ownerAuthFile == nil || !ownerWellKnown else {
            throw ValidationError("Say only one of --owner-auth-file and --owner-well-known.")
        }
    }

    func setup(_ configuration: ManagerConfiguration) throws -> ManagerSetup {
        let owner = try ownerAuthFile.map { AnchorAuthorization.passphrase(try Files.readPassphrase($0)) }
        return ManagerSetup(configuration, owner: owner ?? .wellKnown, replacesAnchor: replaceAnchor) {
            Output.write("\($0)\n", to: STDERR_FILENO)
        }
    }
}

/// The passphrase of a recovery key.
struct RecoveryPassphraseOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("A file whose first line is the passphrase of the recovery key.", valueName: "file"))
    var recoveryPassphraseFile: String?

    @Flag(help: "Ask for the passphrase of the recovery key at the terminal, without echo.")
    var recoveryAsk = false

    var isGiven: Bool { recoveryPassphraseFile != nil || recoveryAsk }

    func validate() throws {
        guard recoveryPassphraseFile == nil || !recoveryAsk else {
            throw ValidationError("Say only one of --recovery-passphrase-file and --recovery-ask.")
        }
    }

    func read(isNew: Bool = false) throws -> Secret {
        if let recoveryPassphraseFile { return try Files.readPassphrase(recoveryPassphraseFile) }
        let secret = try Terminal.readPassphrase("Passphrase of the recovery key: ")
        if isNew, try Terminal.readPassphrase("Once more: ") != secret {
            throw ValidationError("The two passphrases differ.")
        }
        return secret
    }
}
