import ArgumentParser
import TPMClient
import TPMWire

struct Info: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what a TPM is and how it stands: version, flags, owner, lockout, keys, sessions, NV storage.")

    @OptionGroup var options: TPMOptions

    func run() throws {
        let tpm = try options.client()
        let report = try TPMReport(of: tpm)
        print(report)
    }
}
