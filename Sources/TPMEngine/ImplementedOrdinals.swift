import TPMWire

/// Which rows of the ordinal table (Part 2, 17) the engine answers; any other is TPM_BAD_ORDINAL.
extension TPM {
    /// Every ordinal that has actions.
    public static let implementedOrdinals = Set(
        OrdinalTable.rows.map(\.ordinal).filter { Registry.actions(for: $0) != nil })

    /// What this TPM has no use for, and why. The specification obliges nobody to have any of it.
    public static let omittedOrdinals: [Ordinal: String] = [
        .fieldUpgrade: "left out: the host replaces the program, not the guest",
        .setRedirection: "left out: there are no pins to redirect to",
        .tpmInit: "a signal of the platform, no command",
    ]

    /// What the specification has and the engine ought to, but has not, in the table's order.
    public static let missingOrdinals = OrdinalTable.rows
        .filter { $0.change != .deleted }.map(\.ordinal)
        .filter { !implementedOrdinals.contains($0) && omittedOrdinals[$0] == nil }
}
