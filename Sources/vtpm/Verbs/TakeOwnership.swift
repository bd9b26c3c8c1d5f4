import ArgumentParser
import TPMClient

struct TakeOwnership: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Become the owner of a TPM that has none.",
        discussion: """
            Makes the storage root key, under which everything else is sealed. The two secrets travel to the TPM \
            encrypted with its endorsement key.
            """)

    @OptionGroup var options: TPMOptions
    @OptionGroup var owner: OwnerOptions
    @OptionGroup var srk: SRKOptions

    func run() throws {
        let tpm = try options.client()
        try tpm.takeOwnership(owner: try owner.secret(isNew: true), srk: try srk.secret(isNew: true))
    }
}
