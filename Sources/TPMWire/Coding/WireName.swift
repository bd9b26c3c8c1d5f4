/// A number on the wire that any value decodes to and of which only some have a name.
protocol WireNamed {
    /// Nil for a number without one.
    var wireName: String? { get }
}

/// The names of numbers, for ``WireDescriber``.
enum WireName {
    /// The case of an enumeration, or what a ``WireNamed`` says.
    static func of<T: RawRepresentable>(_ value: T) -> String? {
        if let named = value as? any WireNamed { return named.wireName }
        return "\(value)"
    }

    /// The names of the bits that are set, joined by "+"; nil when none is.
    static func of<F: WireFlags>(_ flags: F) -> String? {
        let names = F.names.filter { flags.isSuperset(of: $0.value) }.map(\.key)
        return names.isEmpty ? nil : names.joined(separator: "+")
    }
}
