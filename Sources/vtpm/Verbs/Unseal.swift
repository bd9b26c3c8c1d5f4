import ArgumentParser
import TPMClient
import TPMCrypto
import TPMWire

struct Unseal: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Unseal what `vtpm seal` sealed.",
        discussion: """
            TPM_WRONGPCRVAL says that the PCRs do not have the values that the file was sealed to. What is written \
            can be read by its owner alone.
            """)

    @OptionGroup var options: TPMOptions
    @OptionGroup var srk: SRKOptions
    @OptionGroup var auth: DataOptions

    @Option(name: .customLong("in"), help: ArgumentHelp("The sealed file; - is standard input.", valueName: "file"))
    var input: String

    @Option(name: .customLong("out"), help: ArgumentHelp("The file to write; - is standard output.", valueName: "file"))
    var output: String

    func run() throws {
        let bytes = try Files.read(input)
        guard let blob = try? WireDecoder.decode(SealedBlob.self, from: bytes) else {
            throw FileError("\(input) is not a file that vtpm seal wrote")
        }
        let data = try options.client().unseal(
            blob, keyAuth: try srk.secret(), dataAuth: try auth.secret())
        try Files.write(data, to: output, mode: 0o600)
    }
}
