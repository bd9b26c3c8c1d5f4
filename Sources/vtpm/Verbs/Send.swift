import ArgumentParser
import TPMClient
import TPMCrypto
import TPMWire

struct Send: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Send the bytes of a command as they are and show the answer.",
        discussion: """
            The answer is shown field by field with the specification's names. Exits with 1 when it is an error. \
            Example: vtpm send 00c10000000e0000001500000000 reads PCR 0.
            """)

    @OptionGroup var options: TPMOptions

    @Argument(help: ArgumentHelp("The command in hexadecimal, in one or more parts.", valueName: "hex"))
    var hex: [String]

    @Flag(name: .customLong("hex"), help: "Print the answer in hexadecimal, secrets and all.")
    var isHex = false

    @Flag(help: "Show what the specification says is secret, such as random bytes, too.")
    var showSecrets = false

    func validate() throws {
        guard let bytes = Hex.decode(hex.joined()), bytes.count >= 10 else {
            throw ValidationError("A command is at least 10 bytes, in pairs of hexadecimal digits.")
        }
    }

    func run() throws {
        let command = Hex.decode(hex.joined()) ?? []
        let answer = try options.transport().transmit(command)
        if isHex {
            print(Hexadecimal.encode(answer))
        } else {
            let ordinal = Ordinal(rawValue: command[6..<10].reduce(0) { $0 << 8 | UInt32($1) })
            for field in MessageDescriber.response(answer, to: ordinal, showsSecrets: showSecrets) {
                print(String(repeating: "  ", count: field.depth) + "\(field.name): \(field.value)")
            }
        }
        // The return code of an answer.
        if answer.dropFirst(6).prefix(4) != [0, 0, 0, 0] { throw ExitCode.failure }
    }
}
