import TPMCrypto
import TPMEngine
import TPMWire

/// Writes down each command and its response, field by field, with the specification's names.
public struct CommandTrace: Sendable {
    private let showsSecrets: Bool
    private let write: @Sendable (String) -> Void

    /// - Parameters:
    ///   - showsSecrets: false masks what the specification calls secret.
    ///   - write: takes the text of one command and its response, several lines; called on any thread, one at a time.
    public init(showsSecrets: Bool = false, write: @escaping @Sendable (String) -> Void) {
        self.showsSecrets = showsSecrets
        self.write = write
    }

    func record(_ command: [UInt8], _ response: [UInt8]) {
        let ordinal = command.count < 10 ? nil : UInt32(bigEndian: command[6..<10])
        let sent = MessageDescriber.command(command, showsSecrets: showsSecrets)
        let answered = MessageDescriber.response(
            response, to: ordinal.map { Ordinal(rawValue: $0) }, showsSecrets: showsSecrets)
        write(Self.text("command", sent) + Self.text("response", answered))
    }

    private static func text(_ title: String, _ fields: [WireDescriber.Field]) -> String {
        fields.reduce(into: title + "\n") { text, field in
            text += String(repeating: "    ", count: field.depth + 1) + field.name
            text += field.value.isEmpty ? "\n" : " = \(field.value)\n"
        }
    }
}
