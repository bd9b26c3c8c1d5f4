import ArgumentParser
import TPMClient
import TPMCrypto

struct RandomBytes: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "random", abstract: "Get random bytes from the TPM.")

    @OptionGroup var options: TPMOptions

    @Argument(help: ArgumentHelp("How many bytes, at most 1048576.", valueName: "count"))
    var count: Int

    @Option(
        name: .customLong("out"),
        help: ArgumentHelp(
            "The file to write the bytes to, - for standard output; without it they are printed in hexadecimal.",
            valueName: "file"))
    var output: String?

    func validate() throws {
        guard (1...1 << 20).contains(count) else { throw ValidationError("The count is from 1 to 1048576.") }
    }

    func run() throws {
        let bytes = try options.client().randomBytes(count)
        guard let output else { return print(Hexadecimal.encode(bytes.bytes)) }
        try Files.write(bytes, to: output, mode: 0o600)
    }
}
