import ArgumentParser
import Foundation
import TPMClient

/// Which TPM a verb talks to.
struct TPMOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The TPM: tcp:HOST:PORT, unix:PATH, or the path of a device.",
            discussion: "Without it, the environment variable VTPM_TPM counts, and then /dev/tpm0.",
            valueName: "address"),
        transform: { try TPMAddress($0) })
    var tpm: TPMAddress?

    func client() throws -> TPMClient { TPMClient(try transport()) }

    func transport() throws -> any Transport {
        let fallback = ProcessInfo.processInfo.environment["VTPM_TPM"] ?? "/dev/tpm0"
        return try (tpm ?? TPMAddress(fallback)).open()
    }
}
