import TPMWire

/// Where a command came from (Part 1, 16): 0 is the legacy interface, 4 the hardware of a dynamic launch.
public enum Locality: UInt8, Sendable, CaseIterable {
    case zero, one, two, three, four

    /// The one bit that stands for it in a TPM_LOCALITY_SELECTION (Part 2, 8.6).
    public var selection: LocalitySelection { LocalitySelection(rawValue: 1 << rawValue) }
}
