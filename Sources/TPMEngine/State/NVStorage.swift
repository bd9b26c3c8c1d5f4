import TPMCrypto
import TPMWire

/// One defined area (TPM_NV_DATA_AREA, Part 2, 19.6).
public struct NVArea: Sendable {
    /// The volatile locks of it stay FALSE: ``ClearState/nvLocks`` keeps them.
    public var pubInfo: NVDataPublic
    public var authValue: Secret
    /// dataSize bytes, 0xff before the first write.
    public var data: [UInt8]
}

/// The defined NV areas by index, at most ``capacity`` bytes of data together.
public struct NVStorage: Sendable {
    /// In bytes.
    public static let capacity = 32 * 1024

    public internal(set) var areas: [UInt32: NVArea] = [:]

    public init() {}

    /// The area of an index, or TPM_BADINDEX.
    public func area(_ index: UInt32) throws(TPMResult) -> NVArea {
        guard let area = areas[index] else { throw .badIndex }
        return area
    }

    /// Drops the areas that only the owner could read or write, but for those made with the TPM (Part 3, 6.2
    /// action 12).
    mutating func removeOwnerAreas() {
        areas = areas.filter { index, area in
            NVIndex.isPermanent(index)
                || area.pubInfo.permission.attributes.isDisjoint(with: [.ownerRead, .ownerWrite])
        }
    }
}

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
}
