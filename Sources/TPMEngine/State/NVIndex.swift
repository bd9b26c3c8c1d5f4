/// The indices with a meaning of their own (Part 2, 19.1).
enum NVIndex {
    /// Turns the NV protections on for good (TPM_NV_INDEX_LOCK).
    static let lock: UInt32 = 0xffff_ffff
    /// Locks the areas with TPM_NV_PER_GLOBALLOCK until the next start (TPM_NV_INDEX0).
    static let index0: UInt32 = 0
    /// The data integrity register of 1.1 (TPM_NV_INDEX_DIR), 20 bytes.
    static let dir: UInt32 = 0x1000_0001
    /// Tries a definition without making the area (TPM_NV_INDEX_TRIAL).
    static let trial: UInt32 = 0x0000_f004

    /// The D bit: set in manufacturing, never defined or deleted later.
    static func isPermanent(_ index: UInt32) -> Bool { index & 0x1000_0000 != 0 }

    /// False for the register of 1.1, a set reserved bit, general purpose pins that no software TPM has, and the TCG's
    /// indices for platforms that this is not: PDAs, mobile devices and what is not assigned.
    static func isDefinable(_ index: UInt32) -> Bool {
        guard index != dir, index & 0x0f00_0000 == 0 else { return false }
        // The bits T, P and U give the index to somebody else's name space.
        guard index & 0xe000_0000 == 0 else { return true }
        guard index & 0xffff_ff00 != 0x0001_1600 else { return false }
        return [0, 1, 4, 5, 6].contains(index >> 16 & 0xff)
    }
}
