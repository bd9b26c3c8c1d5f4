/// TPM_NV_INDEX, 4 bytes: the indices with a meaning of their own and the bits of all others (Part 2, 19.1).
public enum NVIndex {
    // MARK: - Required (Part 2, 19.1.1)

    /// Turns the NV protections on for good (TPM_NV_INDEX_LOCK).
    public static let lock: UInt32 = 0xffff_ffff
    /// Locks the areas with TPM_NV_PER_GLOBALLOCK until the next start (TPM_NV_INDEX0).
    public static let index0: UInt32 = 0
    /// The data integrity register of 1.1 (TPM_NV_INDEX_DIR), 20 bytes.
    public static let dir: UInt32 = 0x1000_0001

    // MARK: - Reserved (Part 2, 19.1.2)

    /// For the TPM (TPM_NV_INDEX_TPM).
    public static let tpm: ClosedRange<UInt32> = 0x0000_f000...0x0000_ffff
    /// The endorsement credential (TPM_NV_INDEX_EKCert).
    public static let ekCert: UInt32 = 0x0000_f000
    /// The TPM's conformance credential (TPM_NV_INDEX_TPM_CC).
    public static let tpmCC: UInt32 = 0x0000_f001
    /// The platform credential (TPM_NV_INDEX_PlatformCert).
    public static let platformCert: UInt32 = 0x0000_f002
    /// The platform's conformance credential (TPM_NV_INDEX_Platform_CC).
    public static let platformCC: UInt32 = 0x0000_f003
    /// Tries a definition without making the area (TPM_NV_INDEX_TRIAL).
    public static let trial: UInt32 = 0x0000_f004
    /// For PC clients (TPM_NV_INDEX_PC).
    public static let pc: ClosedRange<UInt32> = 0x0001_0000...0x0001_ffff
    /// General purpose pins (TPM_NV_INDEX_GPIO_xx).
    public static let gpio: ClosedRange<UInt32> = 0x0001_1600...0x0001_16ff
    /// For PDAs (TPM_NV_INDEX_PDA).
    public static let pda: ClosedRange<UInt32> = 0x0002_0000...0x0002_ffff
    /// For mobile devices (TPM_NV_INDEX_MOBILE).
    public static let mobile: ClosedRange<UInt32> = 0x0003_0000...0x0003_ffff
    /// For servers (TPM_NV_INDEX_SERVER).
    public static let server: ClosedRange<UInt32> = 0x0004_0000...0x0004_ffff
    /// For peripherals (TPM_NV_INDEX_PERIPHERAL).
    public static let peripheral: ClosedRange<UInt32> = 0x0005_0000...0x0005_ffff
    /// For the software stack (TPM_NV_INDEX_TSS).
    public static let tss: ClosedRange<UInt32> = 0x0006_0000...0x0006_ffff
    /// For the TCG's working groups, the ranges above included (TPM_NV_INDEX_GROUP_RESV).
    public static let groupReserved: ClosedRange<UInt32> = 0x0000_0000...0x00ff_ffff

    // MARK: - Bits (Part 2, 19.1)

    /// T, the TPM manufacturer's name space.
    public static let manufacturerBit: UInt32 = 1 << 31
    /// P, the platform manufacturer's name space.
    public static let platformBit: UInt32 = 1 << 30
    /// U, the user's name space.
    public static let userBit: UInt32 = 1 << 29
    /// D, defined for good.
    public static let definedBit: UInt32 = 1 << 28
    /// The bits that are always zero.
    public static let reservedBits: UInt32 = 0x0f00_0000

    /// Which platform the index is for: 0 for every TPM, else as in the ordinals (Part 2, 17).
    public static func purview(of index: UInt32) -> UInt8 { UInt8(truncatingIfNeeded: index >> 16) }
}
