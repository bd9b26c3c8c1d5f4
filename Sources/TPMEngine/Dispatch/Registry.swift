import TPMWire

/// Which type takes the actions of which ordinal: the described commands that have any.
enum Registry {
    private static let byOrdinal: [Ordinal: any CommandActions.Type] = Dictionary(
        CommandTable.all.compactMap { $0 as? any CommandActions.Type }.map { ($0.ordinal, $0) },
        uniquingKeysWith: { first, _ in first })

    static func actions(for ordinal: Ordinal) -> (any CommandActions.Type)? {
        byOrdinal[ordinal]
    }
}
