import XenBackend

/// The names that lead to an entry of a xenstore, as xenstored takes them: letters, digits and -/_@, no empty name, and at
/// most 3072 characters.
struct StorePath: Hashable {
    let names: [String]

    var text: String { "/" + names.joined(separator: "/") }

    /// The path that a domain means: one without a slash at the front is below its home.
    init(_ text: String, of domain: UInt16) throws(XenBusError) {
        try self.init(text.hasPrefix("/") ? text : "/local/domain/\(domain)/\(text)")
    }

    init(_ text: String) throws(XenBusError) {
        let names = text.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard text.hasPrefix("/"), text.utf8.count <= 3072, text == "/" || names.allSatisfy(Self.isName) else {
            throw XenBusError("\(text.prefix(80)) is no path.")
        }
        self.names = text == "/" ? [] : names
    }

    private init(names: [String]) { self.names = names }

    func appending(_ name: String) -> StorePath { StorePath(names: names + [name]) }

    private static func isName(_ name: String) -> Bool {
        !name.isEmpty
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "@"):
                    true
                default: false
                }
            }
    }

    /// True for a path that is `other` or lies below it.
    func isAt(orBelow other: StorePath) -> Bool { names.starts(with: other.names) }
}
