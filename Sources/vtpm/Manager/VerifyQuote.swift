import ArgumentParser
import Foundation
import TPMCrypto
import VTPMManager

/// `vtpm verify-quote`: what a challenger does with a deep quote.
struct VerifyQuote: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify-quote", abstract: "Verify a deep quote with public keys alone.",
        discussion: """
            Checks that the host's hardware TPM signed the values of the host's PCRs for this nonce and this guest, and \
            that the guest's quote was made for the same nonce. It needs no TPM and no manager. Prints what was proved, \
            and ends with status 1 when the quote is not to be believed.

            Example:
              vtpm verify-quote quote.json --nonce 00112233445566778899aabbccddeeff00112233 --hardware-key host.pem
            """)

    @Argument(help: "The file from vtpm guest quote.")
    var file: String

    @Option(help: ArgumentHelp("What you chose, 20 to 32 bytes in hexadecimal digits.", valueName: "hex"))
    var nonce: String

    @Option(help: ArgumentHelp("The key of the host's hardware (vtpm manager quoting-key).", valueName: "pem"))
    var hardwareKey: String

    @Option(help: ArgumentHelp("The guest's quoting key, if you know it (vtpm guest quoting-key).", valueName: "pem"))
    var guestKey: String?

    @Option(help: ArgumentHelp("The UUID that the guest must have.", valueName: "uuid"))
    var uuid: String?

    @Option(help: ArgumentHelp("The name that the guest's group must have.", valueName: "name"))
    var group: String?

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        guard Hex.decode(nonce) != nil else { throw ValidationError("--nonce takes hexadecimal digits.") }
        guard uuid.map({ UUID(uuidString: $0) != nil }) ?? true else { throw ValidationError("--uuid takes a UUID.") }
    }

    func run() throws {
        let quote: DeepQuote
        do {
            quote = try JSONDecoder().decode(DeepQuote.self, from: Data(try Files.read(file).bytes))
        } catch let error as DecodingError { throw FileError("\(file) is no deep quote: \(error)") }
        let verified = try quote.verified(
            nonce: Hex.decode(nonce) ?? [], hardwareKey: try text(hardwareKey), guestKey: try guestKey.map(text))
        if let uuid, UUID(uuidString: uuid) != verified.guest {
            throw FileError("The quote is of the guest \(verified.guest), and not of \(uuid).")
        }
        if let group, group != verified.groupName {
            throw FileError("The guest is in the group \(verified.groupName), and not in \(group).")
        }
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            print(String(decoding: try encoder.encode(verified), as: UTF8.self))
            return
        }
        print(
            "The quote is good, for the guest \(verified.name) (\(verified.guest)) of the group \(verified.groupName).")
        show("The host's PCRs", verified.hostPCRs)
        show("The guest's PCRs", verified.guestPCRs)
    }

    private func text(_ path: String) throws -> String {
        String(decoding: try Files.read(path, limit: 64 << 10).bytes, as: UTF8.self)
    }

    private func show(_ title: String, _ report: PCRReport) {
        print("\(title) (\(report.algorithm)):")
        for (index, value) in report.pcrs.sorted(by: { (Int($0.key) ?? 0) < (Int($1.key) ?? 0) }) {
            print("  PCR \(index.count < 2 ? " " : "")\(index)  \(value)")
        }
    }
}
