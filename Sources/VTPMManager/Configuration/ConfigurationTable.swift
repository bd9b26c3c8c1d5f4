import Glibc
import TOMLKit
import TPMServer

/// A table of a configuration file. It remembers which keys were asked for, since any other is a mistake.
final class ConfigurationTable {
    private let file: String
    /// What stands before its keys in messages: nothing, or the table's name and a dot.
    private let prefix: String
    /// Nil when the file does not have the table.
    private let table: TOMLTable?
    private var known: [String] = []

    /// - Parameter file: the path, for messages.
    convenience init(_ text: String, of file: String) throws(ConfigurationError) {
        do {
            self.init(try TOMLTable(string: text), file, prefix: "")
        } catch let error as TOMLParseError {
            let place = error.source.begin
            throw ConfigurationError("\(file):\(place.line):\(place.column): \(error.description).")
        } catch {
            throw ConfigurationError("\(file): \(error)")
        }
    }

    private init(_ table: TOMLTable?, _ file: String, prefix: String) {
        self.table = table
        self.file = file
        self.prefix = prefix
    }

    func error(_ key: String, _ sentence: String) -> ConfigurationError {
        ConfigurationError("\(file): \(prefix)\(key): \(sentence)")
    }

    /// Refuses keys that nobody asked for.
    func refuseOthers() throws(ConfigurationError) {
        guard let unknown = table?.keys.sorted().first(where: { !known.contains($0) }) else { return }
        throw error(unknown, "there is no such key; there are \(known.joined(separator: ", ")).")
    }

    // MARK: Values

    func table(_ key: String) throws(ConfigurationError) -> ConfigurationTable {
        ConfigurationTable(try value(key, "a table: [\(key)]") { $0.table }, file, prefix: "\(prefix)\(key).")
    }

    func string(_ key: String) throws(ConfigurationError) -> String? {
        try value(key, "a string in quotes") { $0.string }
    }

    func boolean(_ key: String) throws(ConfigurationError) -> Bool? {
        try value(key, "true or false") { $0.bool }
    }

    func integer(_ key: String, in range: ClosedRange<Int>) throws(ConfigurationError) -> Int? {
        let expected = "a whole number from \(range.lowerBound) to \(range.upperBound)"
        guard let number = try value(key, expected, { $0.int }) else { return nil }
        guard range.contains(number) else { throw error(key, "it is \(expected), not \(number).") }
        return number
    }

    /// One of the values of a type.
    func choice<Value: RawRepresentable & CaseIterable>(
        _ key: String, of type: Value.Type
    ) throws(ConfigurationError) -> Value? where Value.RawValue == String {
        guard let text = try string(key) else { return nil }
        guard let value = Value(rawValue: text) else {
            throw error(key, "it is \(type.allCases.map(\.rawValue).joined(separator: ", ")), not \"\(text)\".")
        }
        return value
    }

    /// An absolute path.
    func path(_ key: String, atMost limit: Int = 4095) throws(ConfigurationError) -> String? {
        guard let path = try string(key) else { return nil }
        guard path.hasPrefix("/") else { throw error(key, "it is a path from the root (/…), not \"\(path)\".") }
        guard path.utf8.count <= limit else {
            throw error(key, "it has at most \(limit) bytes, not \(path.utf8.count).")
        }
        return path
    }

    /// The permissions of a file in octal digits.
    func mode(_ key: String) throws(ConfigurationError) -> mode_t? {
        guard let text = try string(key) else { return nil }
        guard (3...4).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x37).contains($0) }),
            let mode = mode_t(text, radix: 8), mode <= 0o777
        else { throw error(key, "it is an octal number from \"0000\" to \"0777\", not \"\(text)\".") }
        return mode
    }

    /// The number of a group, which is given by it or by name.
    func group(_ key: String) throws(ConfigurationError) -> gid_t? {
        guard let text = try string(key) else { return nil }
        do throws(ProcessError) { return try ProcessUser.group(text) } catch { throw self.error(key, "\(error)") }
    }

    /// The name of a user that there is.
    func user(_ key: String) throws(ConfigurationError) -> String? {
        guard let name = try string(key) else { return nil }
        guard name.contains(where: { !("0"..."9").contains($0) }) else {
            throw error(key, "it is the name of a user, not \"\(name)\".")
        }
        do throws(ProcessError) { _ = try ProcessUser.user(name) } catch { throw self.error(key, "\(error)") }
        return name
    }

    private func value<Value>(
        _ key: String, _ expected: String, _ read: (any TOMLValueConvertible) -> Value?
    ) throws(ConfigurationError) -> Value? {
        known.append(key)
        guard let found = table?[key] else { return nil }
        guard let value = read(found) else { throw error(key, "it is \(expected), not of the type \(found.type).") }
        return value
    }
}
