import ArgumentParser
import TPMCrypto
import VTPMManager

/// `vtpm guest quote`
struct GuestQuote: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "quote", abstract: "Prove to a challenger what a guest and its host booted.",
        discussion: """
            A deep quote has the values of PCRs of the guest's TPM, signed by the guest's quoting key, and of the \
            hardware TPM, signed by the hardware, both over the challenger's nonce, the guest's UUID and its group. The \
            challenger checks it with vtpm verify-quote and public keys alone.

            Example:
              vtpm guest quote web --deep --nonce 00112233445566778899aabbccddeeff00112233 --out quote.json
            """)

    @OptionGroup var argument: GuestArgument

    @Flag(help: "Quote the host, too. There is no other quote yet: a guest quotes itself with its own keys.")
    var deep = false

    @Option(
        help: ArgumentHelp("What the challenger chose, 20 to 32 bytes in hexadecimal digits.", valueName: "hex"))
    var nonce: String

    @Option(help: ArgumentHelp("The guest's PCRs; 0-15 without it.", valueName: "list"))
    var pcrs: PCRSelection?

    @Option(help: ArgumentHelp("The host's PCRs; 0-7 without it.", valueName: "list"))
    var hostPcrs: PCRSelection?

    @Option(help: ArgumentHelp("The file that gets the quote (JSON); - is standard output.", valueName: "file"))
    var out: String

    @OptionGroup var options: ManagerOptions

    func validate() throws {
        guard deep else { throw ValidationError("Say --deep: a guest quotes itself with its own keys.") }
        guard let bytes = Hex.decode(nonce), (20...32).contains(bytes.count) else {
            throw ValidationError("--nonce takes 20 to 32 bytes in hexadecimal digits.")
        }
    }

    func run() throws {
        let digits = Hexadecimal.encode(Hex.decode(nonce) ?? [])
        let quote = try options.client.deepQuote(
            of: argument.guest, DeepQuoteRequest(nonce: digits, pcrs: pcrs?.indices, hostPCRs: hostPcrs?.indices))
        try Files.write(Secret(Array("\(try AdminJSON.text(of: quote))\n".utf8)), to: out, mode: 0o644)
    }
}
