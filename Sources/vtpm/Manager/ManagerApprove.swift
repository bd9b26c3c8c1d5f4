import ArgumentParser
import Foundation
import Glibc
import TPMCrypto
import VTPMManager

/// `vtpm manager approve`
struct ManagerApprove: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "approve", abstract: "Say in which configurations of the host a group's guests start.",
        discussion: """
            With --sign-with, the list in force is taken, the host's present configuration is added with the PCRs that you \
            name as they will be (after an update of firmware or kernel, say), and the list is signed and handed to the \
            manager. What is added is shown before.

            Or hand over a list that was signed elsewhere: the file of the list, whose bytes count as they are, and a file \
            with the 64 bytes of its Ed25519 signature.

            Every list has a higher number than the one before; an older one is refused for ever.

            Examples:
              vtpm manager approve --group web --sign-with operator.pem --extend 4=9f86d0818…
              vtpm manager approve --group web --sign-with operator.pem --only --name "kernel 6.12.57"
              openssl pkeyutl -sign -rawin -inkey operator.pem -in list.json -out list.sig
              vtpm manager approve --group web list.json list.sig
            """)

    @Option(help: ArgumentHelp("The group.", valueName: "name"))
    var group = "default"

    @Argument(help: "The file of a signed list (JSON).")
    var list: String?

    @Argument(help: "The file of its signature (64 bytes).")
    var signature: String?

    @Option(help: ArgumentHelp("Your Ed25519 private key (PEM).", valueName: "file"))
    var signWith: String?

    @Option(
        help: ArgumentHelp(
            "A file whose first line is the passphrase of the key; an encrypted key without it asks at the terminal.",
            valueName: "file"))
    var passphraseFile: String?

    @Option(help: ArgumentHelp("What the new configuration is called.", valueName: "text"))
    var name: String?

    @Option(
        name: .customLong("pcr"),
        help: ArgumentHelp("A PCR's value in the new configuration, as often as you like.", valueName: "n=hex"))
    var values: [PCRAssignment] = []

    @Option(
        name: .customLong("extend"),
        help: ArgumentHelp(
            "A digest with which a PCR will be extended, in order, as often as you like.", valueName: "n=hex"))
    var extensions: [PCRAssignment] = []

    @Flag(help: "Approve the new configuration alone, and none from before.")
    var only = false

    @OptionGroup var options: ManagerOptions
    @OptionGroup var report: ReportOptions

    func validate() throws {
        guard (signWith != nil) != (list != nil), (list == nil) == (signature == nil) else {
            throw ValidationError("Give either --sign-with, or the files of a list and of its signature.")
        }
        guard signWith != nil || passphraseFile == nil && name == nil && !only && values.isEmpty && extensions.isEmpty
        else {
            throw ValidationError("A list that is signed already is taken as it is: only --group goes with it.")
        }
        let set = values.map(\.pcr)
        guard Set(set).count == set.count, Set(set).isDisjoint(with: extensions.map(\.pcr)) else {
            throw ValidationError("A PCR has one --pcr, or any number of --extend.")
        }
    }

    func run() throws {
        let client = options.client
        let approval: SignedApproval
        if let signWith { approval = try sign(with: signWith, client) } else { approval = try signedElsewhere() }
        let group = try client.approve(approval, for: group)
        try report.show(group) { group.text }
    }

    private func signedElsewhere() throws -> SignedApproval {
        SignedApproval(
            list: Data(try Files.read(list ?? "").bytes),
            signature: Data(try Files.read(signature ?? "", limit: Ed25519PublicKey.signatureSize).bytes))
    }

    private func sign(with file: String, _ client: AdminClient) throws -> SignedApproval {
        // The passphrase is asked for before anything else, as it may be wrong.
        let key = try privateKey(file)
        let change = ApprovalChange(
            name: name,
            steps: values.map { ($0.pcr, .value($0.bytes)) } + extensions.map { ($0.pcr, .extended($0.bytes)) },
            dropsOthers: only)
        let list = try client.approvals(of: group)
        let present = try client.hostPCRs(change.selection(for: list))
        let next = try change.next(after: list, present: present)
        if let added = next.configurations.last {
            Output.write("Approving '\(added.name)' for the group \(group):\n\(added.text)\n", to: STDERR_FILENO)
        }
        let bytes = Array(try AdminJSON.text(of: next).utf8)
        return SignedApproval(list: Data(bytes), signature: Data(try key.sign(bytes)))
    }

    private func privateKey(_ file: String) throws -> Ed25519PrivateKey {
        let pem = try Files.read(file, limit: 64 << 10)
        do {
            return try Ed25519PrivateKey(pem: pem, passphrase: passphraseFile.map { try Files.readPassphrase($0) })
        } catch let error as CryptoError {
            guard error == .passphraseNeeded else { throw error }
        }
        return try Ed25519PrivateKey(pem: pem, passphrase: try Terminal.readPassphrase("Passphrase of \(file): "))
    }
}

/// `N=HEX`, a PCR and what becomes of it.
struct PCRAssignment: ExpressibleByArgument, Equatable {
    let pcr: Int
    let bytes: [UInt8]

    init?(argument: String) {
        let sides = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard sides.count == 2, let pcr = PCRSelection(String(sides[0])), pcr.indices.count == 1,
            let bytes = Hex.decode(String(sides[1])), !bytes.isEmpty
        else { return nil }
        self.pcr = pcr.indices[0]
        self.bytes = bytes
    }
}

extension ApprovalList.Configuration {
    /// A line a PCR.
    fileprivate var text: String {
        pcrs.sorted { Int($0.key) ?? 0 < Int($1.key) ?? 0 }.map { "  PCR \($0.key) (\(algorithm)): \($0.value)" }
            .joined(separator: "\n")
    }
}
