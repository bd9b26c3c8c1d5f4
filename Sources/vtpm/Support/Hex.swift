import TPMCrypto

/// Bytes as hexadecimal digits, as people type them.
enum Hex {
    /// Takes digits in pairs, with or without space between them; nil for anything else.
    static func decode(_ text: String) -> [UInt8]? { Hexadecimal.decode(text.filter { !$0.isWhitespace }) }
}
