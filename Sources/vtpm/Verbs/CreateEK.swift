import ArgumentParser
import TPMClient
import TPMCrypto

struct CreateEK: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create-ek", abstract: "Make the endorsement key of a TPM that has none.",
        discussion: "The key stays for the TPM's life. Its modulus is printed in hexadecimal.")

    @OptionGroup var options: TPMOptions

    func run() throws {
        print(Hexadecimal.encode(try options.client().createEndorsementKey().pubKey.key))
    }
}
