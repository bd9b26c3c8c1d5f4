import ArgumentParser
import TPMClient
import TPMCrypto
import TPMWire

struct Seal: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Seal a file to the TPM, and to the present values of PCRs.",
        discussion: """
            Only this TPM unseals it, under its present owner, and only while the PCRs that --pcr names have the \
            values that they have now. At most 149 bytes fit: seal a key and encrypt the rest with that. The file \
            that is written is the TPM's own structure as it is, TPM_STORED_DATA12 or without --pcr TPM_STORED_DATA, \
            sealed under the storage root key.
            """)

    @OptionGroup var options: TPMOptions
    @OptionGroup var srk: SRKOptions
    @OptionGroup var auth: DataOptions

    @Option(
        name: .customLong("pcr"), parsing: .upToNextOption,
        help: ArgumentHelp("The numbers of the PCRs, 0 to 23.", valueName: "number"))
    var pcrs: [Int] = []

    @Option(name: .customLong("in"), help: ArgumentHelp("The file to seal; - is standard input.", valueName: "file"))
    var input: String

    @Option(name: .customLong("out"), help: ArgumentHelp("The file to write; - is standard output.", valueName: "file"))
    var output: String

    func validate() throws {
        guard pcrs.allSatisfy((0..<PCRSelection.pcrCount).contains) else {
            throw ValidationError("--pcr takes numbers from 0 to \(PCRSelection.pcrCount - 1).")
        }
    }

    func run() throws {
        let data = try Files.read(input)
        let tpm = try options.client()
        let binding = pcrs.isEmpty ? nil : try tpm.binding(to: PCRSelection(indices: pcrs))
        let blob = try tpm.seal(
            data, keyAuth: try srk.secret(), dataAuth: try auth.secret(isNew: true), boundTo: binding)
        try Files.write(Secret(try blob.encoded()), to: output, mode: 0o666)
    }
}
