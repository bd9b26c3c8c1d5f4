import Glibc

/// What is wrong with the arguments, or stands in the way of what they ask for, in a sentence.
struct SwtpmError: Error, Equatable, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// The value of one of swtpm's options: parts with commas between them, each `key=value` or a bare key. A comma always
/// ends a part, so no value can hold one.
///
/// A part that the option does not have, one that is there twice, and one whose value is missing, is an error.
struct SubOptions {
    /// What follows a key.
    enum Form {
        /// `=` and a value of at least one character.
        case value
        /// Nothing, or `=true` or `=false`.
        case flag
    }

    /// The option's name, for what is said about it.
    let option: String
    private let parts: [String: String]

    init(_ text: String, of option: String, keys: KeyValuePairs<String, Form>) throws(SwtpmError) {
        var parts: [String: String] = [:]
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let equals = part.firstIndex(of: "=")
            let key = String(part[..<(equals ?? part.endIndex)])
            let value = equals.map { String(part[part.index(after: $0)...]) }
            guard let form = keys.first(where: { $0.key == key })?.value else {
                let known = keys.map(\.key).joined(separator: ", ")
                throw SwtpmError("\(option): there is no '\(part)' here; it takes \(known).")
            }
            guard parts[key] == nil else { throw SwtpmError("\(option): '\(key)' is there twice.") }
            parts[key] = try Self.checked(value, of: key, form, option)
        }
        self.option = option
        self.parts = parts
    }

    private static func checked(
        _ value: String?, of key: String, _ form: Form, _ option: String
    ) throws(SwtpmError) -> String {
        switch form {
        case .value:
            guard let value, !value.isEmpty else { throw SwtpmError("\(option): '\(key)=' has no value.") }
            return value
        case .flag:
            guard let value else { return "true" }
            guard ["true", "false"].contains(value) else {
                throw SwtpmError("\(option): '\(key)' is true or false, not '\(value)'.")
            }
            return value
        }
    }

    /// True when the key is there, with whatever value.
    func has(_ key: String) -> Bool { parts[key] != nil }

    /// The value of a key; nil when it is not there.
    subscript(_ key: String) -> String? { parts[key] }

    /// True for a flag that is set.
    func isSet(_ key: String) -> Bool { parts[key] == "true" }

    /// A decimal number within a range.
    func number(_ key: String, in range: ClosedRange<Int>) throws(SwtpmError) -> Int? {
        guard let value = parts[key] else { return nil }
        return try Self.number(value, "\(option): \(key)", in: range)
    }

    /// The number of an open descriptor of this process, from whichever of the keys is there.
    func descriptor(_ keys: String...) throws(SwtpmError) -> Int32? {
        guard let key = keys.first(where: has) else { return nil }
        return try number(key, in: Self.descriptors).map { Int32($0) }
    }

    static let descriptors = 0...Int(Int32.max)

    /// The permissions of a file, in octal digits.
    func mode(_ key: String) throws(SwtpmError) -> mode_t? {
        guard let value = parts[key] else { return nil }
        guard value.allSatisfy({ ("0"..."7").contains($0) }), let mode = mode_t(value, radix: 8), mode <= 0o777 else {
            throw SwtpmError("\(option): '\(key)=\(value)' is no mode; it is octal, as 0600, and 0777 at most.")
        }
        return mode
    }

    /// One of the words that a key takes.
    func choice<Word>(_ key: String, _ words: KeyValuePairs<String, Word>) throws(SwtpmError) -> Word? {
        guard let value = parts[key] else { return nil }
        guard let word = words.first(where: { $0.key == value }) else {
            let known = words.map(\.key).joined(separator: ", ")
            throw SwtpmError("\(option): there is no '\(key)=\(value)'; it takes \(known).")
        }
        return word.value
    }

    /// Refuses keys that have no effect beside what else is there.
    func refuse(_ keys: [String], beside what: String) throws(SwtpmError) {
        guard let key = keys.first(where: has) else { return }
        throw SwtpmError("\(option): '\(key)' has no effect with \(what): leave it away.")
    }

    /// The one of `keys` that is there; nil when none is, and an error when two are.
    func only(of keys: [String]) throws(SwtpmError) -> String? {
        let present = keys.filter(has)
        guard present.count <= 1 else {
            throw SwtpmError("\(option): give only one of '\(present[0])' and '\(present[1])'.")
        }
        return present.first
    }

    /// A decimal number within a range, from any option.
    static func number(_ text: String, _ what: String, in range: ClosedRange<Int>) throws(SwtpmError) -> Int {
        guard !text.isEmpty, text.allSatisfy({ $0.isASCII && $0.isNumber }) else {
            throw SwtpmError("\(what) is a number, not '\(text)'.")
        }
        guard let number = Int(text), range.contains(number) else {
            throw SwtpmError("\(what) takes \(range.lowerBound) to \(range.upperBound), not \(text).")
        }
        return number
    }
}
