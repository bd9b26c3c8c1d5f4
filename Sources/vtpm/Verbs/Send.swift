import ArgumentParser
import TPMClient

struct Send: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Send the bytes of a command as they are and show the answer.",
        discussion: """
            An answer to a known command is shown field by field with the specification's names, any other in \
            hexadecimal. Exits with 1 when the TPM answers with an error. Example: vtpm send \
            00c10000000e0000001500000000 reads PCR 0.
            """)

    @OptionGroup var options: TPMOptions

    @Argument(help: ArgumentHelp("The command in hexadecimal, in one or more parts.", valueName: "hex"))
    var hex: [String]

    @Flag(name: .customLong("hex"), help: "Print the answer in hexadecimal.")
    var isHex = false

    func validate() throws {
        guard let bytes = Hex.decode(hex.joined()), bytes.count >= 10 else {
            throw ValidationError("A command is at least 10 bytes, in pairs of hexadecimal digits.")
        }
    }

    func run() throws {
        let command = Hex.decode(hex.joined()) ?? []
        let answer = try options.transport().transmit(command)
        let description = AnswerDescription(of: answer, to: command)
        print(isHex ? Hex.encode(answer) : description.text ?? Hex.encode(answer))
        if !description.isSuccess { throw ExitCode.failure }
    }
}
