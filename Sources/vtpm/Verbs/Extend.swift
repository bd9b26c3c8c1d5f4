import ArgumentParser
import TPMClient
import TPMCrypto

struct Extend: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make a digest part of a PCR and print the new value.",
        discussion: "The new value is the SHA-1 of the old value and the digest.")

    @OptionGroup var options: TPMOptions

    @Argument(help: ArgumentHelp("The number of the PCR.", valueName: "pcr"))
    var pcr: UInt32

    @Option(help: ArgumentHelp("The digest, 40 hexadecimal digits.", valueName: "hex"))
    var digest: String?

    @Option(help: ArgumentHelp("A file whose SHA-1 is the digest; - is standard input.", valueName: "file"))
    var data: String?

    func validate() throws {
        guard (digest == nil) != (data == nil) else { throw ValidationError("Say either --digest or --data.") }
        if let digest, Digest(Hex.decode(digest) ?? []) == nil {
            throw ValidationError("--digest takes 40 hexadecimal digits.")
        }
    }

    func run() throws {
        let measured = try data.map { try Files.digest($0) }
        let given = digest.flatMap { Hex.decode($0) }.flatMap { Digest($0) }
        guard let digest = measured ?? given else { throw CleanExit.helpRequest(self) }
        print(try options.client().extend(pcr, with: digest))
    }
}
