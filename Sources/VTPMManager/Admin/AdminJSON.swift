import Foundation

/// JSON as the admin socket speaks it: dates in ISO 8601, bytes in base64.
public enum AdminJSON {
    private static func encoder(_ formatting: JSONEncoder.OutputFormatting) -> JSONEncoder {
        let encoder = JSONEncoder()
        encoder.dateEncodingStrategy = .iso8601
        encoder.outputFormatting = formatting.union([.sortedKeys, .withoutEscapingSlashes])
        return encoder
    }

    /// With an end of line.
    static func encode(_ value: any Encodable) throws -> [UInt8] {
        Array(try encoder([]).encode(value)) + [UInt8(ascii: "\n")]
    }

    /// For people to read.
    public static func text(of value: any Encodable) throws -> String {
        String(decoding: try encoder(.prettyPrinted).encode(value), as: UTF8.self)
    }

    /// - Throws: ``ManagerError/Kind/invalid`` with a sentence that names the field.
    static func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws(ManagerError) -> Value {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        do {
            return try decoder.decode(type, from: Data(bytes))
        } catch {
            throw ManagerError(.invalid, sentence(about: error))
        }
    }

    /// The same for a request, in which a field that there is not is refused, too.
    static func decodeRequest<Value: Decodable>(
        _ type: Value.Type, from bytes: [UInt8]
    ) throws(ManagerError) -> Value {
        let value = try decode(type, from: bytes)
        // A field that is misspelt would have no effect.
        let known = Mirror(reflecting: value).children.compactMap(\.label)
        guard let object = try? JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any],
            let unknown = object.keys.sorted().first(where: { !known.contains($0) })
        else { return value }
        throw ManagerError(
            .invalid, "There is no field '\(unknown)' here; there are \(known.joined(separator: ", ")).")
    }

    private static func sentence(about error: any Error) -> String {
        switch error {
        case DecodingError.keyNotFound(let key, let context):
            return "The field '\(path(context.codingPath + [key]))' is missing."
        case DecodingError.typeMismatch(_, let context) where context.codingPath.isEmpty:
            return "The body is JSON, but no object with fields."
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
            return "The field '\(path(context.codingPath))' is of another type: \(context.debugDescription)"
        case DecodingError.dataCorrupted(let context) where !context.codingPath.isEmpty:
            return "The field '\(path(context.codingPath))' cannot be used: \(context.debugDescription)"
        default: return "The body is no JSON: send an object with fields."
        }
    }

    private static func path(_ keys: [any CodingKey]) -> String {
        keys.map { key in key.intValue.map(String.init) ?? key.stringValue }.joined(separator: ".")
    }
}
