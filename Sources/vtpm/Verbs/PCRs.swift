import ArgumentParser
import TPMCrypto

struct PCRs: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pcrs", abstract: "Show the values of all PCRs.",
        discussion: "The format is that of the pcrs file that Linux has for a hardware TPM 1.2.")

    @OptionGroup var options: TPMOptions

    func run() throws {
        for (index, value) in try options.client().pcrs().enumerated() {
            let bytes = value.bytes.map { Hexadecimal.encode([$0]).uppercased() }.joined(separator: " ")
            print("PCR-\(index < 10 ? "0" : "")\(index): \(bytes)")
        }
    }
}
