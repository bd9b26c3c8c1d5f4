import Foundation
import Logging

/// How a message stands in a log.
enum LogForm: Sendable {
    /// The message alone, as it is.
    case message
    /// A line for people: the time, the level, the message, and what the caller attached.
    case text
    /// The same as a JSON object in a line: `time`, `level`, `message`, and a member for each that is attached.
    case json

    func text(
        of message: String, _ level: Logger.Level, _ metadata: Logger.Metadata, at time: Date
    ) -> String {
        // UTC, to the millisecond.
        let time = time.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        let attached = metadata.sorted { $0.key < $1.key }
        switch self {
        case .message: return message
        case .text:
            let line = "\(time) \(level): \(message)" + attached.map { " \($0)=\(Self.word($1))" }.joined()
            // A message is one line, whoever has a say in it.
            return Self.escapingControls(line)
        case .json:
            let fixed = [("time", time), ("level", "\(level)"), ("message", message)].map { ($0, Self.json($1)) }
            let members =
                fixed + attached.filter { key, _ in !fixed.contains { $0.0 == key } }.map { ($0, Self.json($1)) }
            return "{" + members.map { "\(Self.json($0)):\($1)" }.joined(separator: ",") + "}"
        }
    }

    private static func escapingControls(_ line: String) -> String {
        guard line.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7f }) else { return line }
        return line.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7f ? $0.escaped(asASCII: false) : String($0) }
            .joined()
    }

    /// In quotes where it has spaces.
    private static func word(_ value: Logger.MetadataValue) -> String {
        let text = "\(value)"
        return text.isEmpty || text.contains(where: { $0.isWhitespace || $0 == "\"" }) ? json(text) : text
    }

    private static func json(_ value: Logger.MetadataValue) -> String {
        switch value {
        case .string(let text): json(text)
        case .stringConvertible(let value): json(value.description)
        case .array(let values): "[\(values.map(json).joined(separator: ","))]"
        case .dictionary(let members):
            "{\(members.sorted { $0.key < $1.key }.map { "\(json($0.key)):\(json($0.value))" }.joined(separator: ","))}"
        }
    }

    private static func json(_ text: String) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        return (try? encoder.encode(text)).map { String(decoding: $0, as: UTF8.self) } ?? "\"\""
    }
}
