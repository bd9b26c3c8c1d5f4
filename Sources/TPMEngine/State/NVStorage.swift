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
}
