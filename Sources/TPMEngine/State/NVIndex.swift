import TPMWire

/// What this TPM makes of an index (Part 2, 19.1).
extension NVIndex {
    /// The D bit: set in manufacturing, never defined or deleted later.
    static func isPermanent(_ index: UInt32) -> Bool { index & definedBit != 0 }

    /// False for the register of 1.1, a set reserved bit, general purpose pins that no software TPM has, and the TCG's
    /// indices for platforms that this is not: PDAs, mobile devices and what is not assigned.
    static func isDefinable(_ index: UInt32) -> Bool {
        guard index != dir, index & reservedBits == 0 else { return false }
        // The bits T, P and U give the index to somebody else's name space.
        guard index & (manufacturerBit | platformBit | userBit) == 0 else { return true }
        guard !gpio.contains(index) else { return false }
        return [0, 1, 4, 5, 6].contains(purview(of: index))
    }
}
