/// Numbers of PCRs, 0 to 23, at least one, as an operator writes them: `0,2,4-7`.
public struct PCRSelection: Sendable, Equatable, CustomStringConvertible {
    /// In order, each once.
    public let indices: [Int]

    /// Nil for anything else.
    public init?(_ text: String) {
        var found: Set<Int> = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map(Self.index)
            guard let first = ends.first ?? nil, let last = ends.last ?? nil, first <= last else { return nil }
            found.formUnion(first...last)
        }
        indices = found.sorted()
    }

    private static func index(_ text: Substring) -> Int? {
        guard (1...2).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let index = Int(text), index < 24
        else { return nil }
        return index
    }

    public var description: String { indices.map(String.init).joined(separator: ",") }
}
