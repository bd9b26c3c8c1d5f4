import TPMCrypto
import TPMWire

/// What people want to read of a command or an answer.
enum Message {
    /// The ordinal of a command; nil for one that is too short to have any.
    static func ordinal(of command: [UInt8]) -> Ordinal? {
        guard command.count >= 10 else { return nil }
        return Ordinal(rawValue: UInt32(bigEndian: command[6..<10]))
    }

    static func name(of ordinal: Ordinal?) -> String { ordinal?.commandName ?? "without an ordinal" }

    /// The return code of an answer, as the specification names it.
    static func resultName(of answer: [UInt8]) -> String {
        guard answer.count >= 10 else { return "without a return code" }
        return "\(TPMResult(rawValue: UInt32(bigEndian: answer[6..<10])))"
    }

    private static let maximumLength = 80

    /// A field's value on a line that can be read: what is too long ends in its size, for the bytes stand elsewhere.
    static func shortened(_ value: String) -> String {
        guard value.utf8.count > maximumLength, isHexadecimal(value) else { return value }
        return "\(value.prefix(40))… (\(value.utf8.count / 2) bytes)"
    }

    static func isHexadecimal(_ value: String) -> Bool { value.utf8.allSatisfy { Hexadecimal.value(of: $0) != nil } }
}
