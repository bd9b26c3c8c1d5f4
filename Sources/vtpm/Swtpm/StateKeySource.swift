import TPMCrypto
import TPMServer

/// Where the key of a state comes from, as --key and --migration-key say.
struct StateKeySource: Equatable {
    enum Content: Equatable {
        /// The key, in hexadecimal digits or as it is.
        case hexadecimal, binary
        /// A passphrase, from which the key is made.
        case passphrasePBKDF2, passphraseSHA512

        var isPassphrase: Bool { self == .passphrasePBKDF2 || self == .passphraseSHA512 }
    }

    var option: String
    var file: SwtpmConfiguration.File
    var content: Content
    var mode = StateCipher.Mode.aes128CBC
    /// The file goes when it was read.
    var isRemoved = false

    // A state opens for as long as these stay what they are.
    private static let salt = Array("vtpm state key".utf8)
    private static let iterations: UInt32 = 100_000
    private static let longestPassphrase = 4096
    /// More than any key with what an editor may add.
    private static let longestKeyFile = 1024

    /// Takes the option's value apart.
    init(_ text: String, of option: String) throws(SwtpmError) {
        let options = try SubOptions(
            text, of: option,
            keys: [
                "file": .value, "fd": .value, "pwdfile": .value, "pwdfd": .value, "format": .value, "mode": .value,
                "kdf": .value, "remove": .flag,
            ])
        self.option = option
        guard let place = try options.only(of: ["file", "fd", "pwdfile", "pwdfd"]) else {
            throw SwtpmError("\(option) needs a key in file= or fd=, or a passphrase in pwdfile= or pwdfd=.")
        }
        let isPassphrase = place.hasPrefix("pwd")
        try options.refuse([isPassphrase ? "format" : "kdf"], beside: "\(place)=")
        if let descriptor = try options.descriptor("fd", "pwdfd") {
            try options.refuse(["remove"], beside: "\(place)=")
            file = .descriptor(descriptor)
        } else {
            file = .path(options["file"] ?? options["pwdfile"] ?? "")
        }
        content = isPassphrase ? .passphrasePBKDF2 : .hexadecimal
        let contents: KeyValuePairs<String, Content> =
            isPassphrase
            ? ["pbkdf2": .passphrasePBKDF2, "sha512": .passphraseSHA512] : ["hex": .hexadecimal, "binary": .binary]
        if let content = try options.choice(isPassphrase ? "kdf" : "format", contents) { self.content = content }
        let modes: KeyValuePairs<String, StateCipher.Mode> = [
            "aes-cbc": .aes128CBC, "aes-128-cbc": .aes128CBC, "aes-256-cbc": .aes256CBC,
        ]
        if let mode = try options.choice("mode", modes) { self.mode = mode }
        isRemoved = options.isSet("remove")
    }

    /// Reads the key, and closes the descriptor or removes the file if it was asked to.
    func cipher() throws -> StateCipher {
        let limit = content.isPassphrase ? Self.longestPassphrase : Self.longestKeyFile
        let bytes: Secret
        switch file {
        case .path(let path):
            bytes = try named { try Files.read(path, limit: limit) }
            if isRemoved { try named { try Files.remove(path) } }
        case .descriptor(let descriptor): bytes = try named { try Files.read(descriptor: descriptor, limit: limit) }
        }
        return try StateCipher(mode, key: key(from: bytes))
    }

    /// The key that the file's contents stand for.
    func key(from bytes: Secret) throws -> Secret {
        switch content {
        case .binary:
            guard bytes.count == mode.keySize else { throw wrongSize(bytes.count, "bytes", mode.keySize) }
            return bytes
        case .hexadecimal: return try hexadecimalKey(bytes)
        case .passphrasePBKDF2, .passphraseSHA512:
            guard bytes.count > 0 else { throw SwtpmError("\(option): the passphrase is empty.") }
            guard content == .passphraseSHA512 else {
                return try KeyDerivation.pbkdf2(
                    passphrase: bytes, salt: Self.salt, iterations: Self.iterations, count: mode.keySize)
            }
            return try KeyDerivation.sha512(bytes).withUnsafeBytes { hash in
                Secret(UnsafeRawBufferPointer(rebasing: hash.prefix(mode.keySize)))
            }
        }
    }

    /// Digits, after an optional 0x, and white space behind them.
    private func hexadecimalKey(_ bytes: Secret) throws -> Secret {
        var digits: [UInt8] = []
        defer { wipe(&digits) }
        digits.reserveCapacity(bytes.count)
        var isOther = false
        bytes.withUnsafeBytes { text in
            var text = text[...]
            while let last = text.last, [0x20, 0x09, 0x0a, 0x0d].contains(last) { text = text.dropLast() }
            if text.starts(with: Array("0x".utf8)) { text = text.dropFirst(2) }
            for character in text {
                switch character {
                case UInt8(ascii: "0")...UInt8(ascii: "9"): digits.append(character - UInt8(ascii: "0"))
                case UInt8(ascii: "a")...UInt8(ascii: "f"): digits.append(character - UInt8(ascii: "a") + 10)
                case UInt8(ascii: "A")...UInt8(ascii: "F"): digits.append(character - UInt8(ascii: "A") + 10)
                default: isOther = true
                }
            }
        }
        guard !isOther else { throw SwtpmError("\(option): the key is no row of hexadecimal digits.") }
        guard digits.count == 2 * mode.keySize else {
            throw wrongSize(digits.count, "hexadecimal digits", 2 * mode.keySize)
        }
        return Secret(count: mode.keySize) { target in
            for offset in target.indices { target[offset] = digits[2 * offset] << 4 | digits[2 * offset + 1] }
        }
    }

    private func wrongSize(_ found: Int, _ unit: String, _ expected: Int) -> SwtpmError {
        SwtpmError("\(option): the key has \(found) \(unit), and \(mode) takes \(expected).")
    }

    /// Says of which option a file is that fails.
    private func named<R>(_ body: () throws -> R) throws -> R {
        do { return try body() } catch { throw SwtpmError("\(option): \(error).") }
    }
}
