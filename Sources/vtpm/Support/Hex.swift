import TPMCrypto

/// Bytes as hexadecimal digits.
enum Hex {
    /// Takes digits in pairs, with or without space between the pairs; nil for anything else.
    static func decode(_ text: String) -> [UInt8]? {
        var digits: [UInt8] = []
        for character in text where !character.isWhitespace {
            guard character.isASCII, let digit = character.hexDigitValue else { return nil }
            digits.append(UInt8(digit))
        }
        guard digits.count % 2 == 0 else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    /// Lower-case digits.
    static func encode(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
    }
}
