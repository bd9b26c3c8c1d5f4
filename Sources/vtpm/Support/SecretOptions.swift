import ArgumentParser
import TPMClient
import TPMCrypto

/// Where a secret comes from. None of the ways puts it on the command line, where every user of the machine sees it.
enum SecretSource {
    case file(String)
    case wellKnown
    case terminal

    /// The 20 bytes of authorization data.
    func secret(of whom: String, isNew: Bool = false) throws -> Secret {
        switch self {
        case .wellKnown: return .wellKnown
        case .file(let path): return Secret(passphrase: try Files.readPassphrase(path))
        case .terminal:
            let secret = try Terminal.readPassphrase("Passphrase of \(whom): ")
            if isNew, try Terminal.readPassphrase("Once more: ") != secret {
                throw ValidationError("The two passphrases differ.")
            }
            return Secret(passphrase: secret)
        }
    }

    /// At most one of the three ways.
    static func chosen(_ name: String, file: String?, wellKnown: Bool, ask: Bool) throws -> SecretSource? {
        guard [file != nil, wellKnown, ask].count(where: { $0 }) <= 1 else {
            throw ValidationError("Say only one of --\(name)-auth-file, --\(name)-well-known and --\(name)-ask.")
        }
        return file.map { .file($0) } ?? (wellKnown ? .wellKnown : ask ? .terminal : nil)
    }
}

/// The owner's secret, asked for at the terminal unless an option says where it is.
struct OwnerOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A file whose first line is the owner's passphrase; the secret is the SHA-1 of its bytes.",
            valueName: "file"))
    var ownerAuthFile: String?

    @Flag(help: "The owner's secret is the well-known one, 20 zero bytes.")
    var ownerWellKnown = false

    @Flag(help: "Ask for the owner's passphrase at the terminal, without echo (the default).")
    var ownerAsk = false

    func validate() throws { _ = try chosen() }

    func secret(isNew: Bool = false) throws -> Secret {
        try (try chosen() ?? .terminal).secret(of: "the owner", isNew: isNew)
    }

    private func chosen() throws -> SecretSource? {
        try .chosen("owner", file: ownerAuthFile, wellKnown: ownerWellKnown, ask: ownerAsk)
    }
}

/// The secret of the storage root key, the well-known one unless an option says otherwise.
struct SRKOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("A file whose first line is the storage root key's passphrase.", valueName: "file"))
    var srkAuthFile: String?

    @Flag(help: "The storage root key's secret is the well-known one, 20 zero bytes (the default).")
    var srkWellKnown = false

    @Flag(help: "Ask for the storage root key's passphrase at the terminal, without echo.")
    var srkAsk = false

    func validate() throws { _ = try chosen() }

    func secret(isNew: Bool = false) throws -> Secret {
        try (try chosen() ?? .wellKnown).secret(of: "the storage root key", isNew: isNew)
    }

    private func chosen() throws -> SecretSource? {
        try .chosen("srk", file: srkAuthFile, wellKnown: srkWellKnown, ask: srkAsk)
    }
}

/// The secret of sealed data, the well-known one unless an option says otherwise.
struct DataOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A file whose first line is the sealed data's own passphrase.", valueName: "file"))
    var dataAuthFile: String?

    @Flag(help: "The sealed data's own secret is the well-known one, 20 zero bytes (the default).")
    var dataWellKnown = false

    @Flag(help: "Ask for the sealed data's own passphrase at the terminal, without echo.")
    var dataAsk = false

    func validate() throws { _ = try chosen() }

    func secret(isNew: Bool = false) throws -> Secret {
        try (try chosen() ?? .wellKnown).secret(of: "the sealed data", isNew: isNew)
    }

    private func chosen() throws -> SecretSource? {
        try .chosen("data", file: dataAuthFile, wellKnown: dataWellKnown, ask: dataAsk)
    }
}
