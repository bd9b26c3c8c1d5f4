import TPMCrypto
import TPMEngine
import TPMWire

/// Something as a list of fields with their paths, to be compared with another of its kind.
struct Described {
    struct Field: Equatable {
        /// The names from the outside in, such as "auth1.nonceOdd"; the second of one name has a number, "key[1]".
        let path: String
        let value: String
    }

    let fields: [Field]
    /// Tells apart what no description fits.
    let bytes: [UInt8]

    init(_ fields: [WireDescriber.Field], _ bytes: [UInt8]) {
        self.bytes = bytes
        var path: [String] = []
        var counts: [String: Int] = [:]
        self.fields = fields.map { field in
            path.removeSubrange(min(field.depth, path.count)...)
            path.append(field.name)
            let plain = path.joined(separator: ".")
            // The size of a list has the name of its structures, which have no value of their own.
            let kind = field.value.isEmpty ? "\(plain)." : plain
            let number = counts[kind, default: 0]
            counts[kind] = number + 1
            if number > 0 { path[path.count - 1] += "[\(number)]" }
            return Field(path: path.joined(separator: "."), value: field.value)
        }
    }

    init<T: WireStructure>(_ structure: T) {
        let fields = try? WireDescriber.describe(structure, showsSecrets: true)
        self.init(fields ?? [], (try? structure.encoded()) ?? [])
    }

    /// All that a TPM knows.
    init(_ tpm: TPM) { self.init((try? tpm.describedState()) ?? [], []) }
}

extension Difference {
    static func between(_ expected: Described, _ found: Described, place: String) -> Difference? {
        var different: [(path: String, expected: String, found: String)] = []
        let (count, others) = (expected.fields.count, found.fields.count)
        for number in 0..<max(count, others) {
            let first = number < count ? expected.fields[number] : nil
            let second = number < others ? found.fields[number] : nil
            guard first != second else { continue }
            let isOneField = first?.path == second?.path
            different.append(
                (
                    first?.path ?? second?.path ?? "",
                    first.map { isOneField ? $0.value : $0.path } ?? "no more fields",
                    second.map { isOneField ? $0.value : $0.path } ?? "no more fields"
                ))
            // What follows a field that only one of them has cannot be compared.
            if !isOneField { break }
        }
        if different.isEmpty, expected.bytes != found.bytes {
            different.append(("bytes", Hexadecimal.encode(expected.bytes), Hexadecimal.encode(found.bytes)))
        }
        guard let first = different.first else { return nil }
        let (left, right) = cut(first.expected, first.found)
        return Difference(
            "\(place), \(first.path)", expected: left, found: right, others: different.dropFirst().map(\.path))
    }

    private static let maximumLength = 64

    /// Two values on lines that can be read: of long ones what is around the first digit that differs.
    private static func cut(_ expected: String, _ found: String) -> (expected: String, found: String) {
        let areLong = max(expected.utf8.count, found.utf8.count) > maximumLength
        guard areLong, Message.isHexadecimal(expected), Message.isHexadecimal(found) else { return (expected, found) }
        let same = zip(expected, found).prefix { $0 == $1 }.count
        let start = max(0, same - 16) & ~1
        func part(_ value: String) -> String {
            let rest = value.dropFirst(start)
            let isLong = rest.count > maximumLength
            return (start > 0 ? "…" : "") + rest.prefix(maximumLength) + (isLong ? "…" : "")
                + " (\(value.utf8.count / 2) bytes, from byte \(start / 2))"
        }
        return (part(expected), part(found))
    }
}
