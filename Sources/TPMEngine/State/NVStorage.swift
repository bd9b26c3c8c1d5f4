import TPMCrypto
import TPMWire

/// One defined area (TPM_NV_DATA_AREA, Part 2, 19.6).
public struct NVArea: Sendable {
    /// bReadSTClear and bWriteSTClear stay FALSE: ``ClearState/nvLocks`` has them.
    public var pubInfo: NVDataPublic
    public var authValue: Secret
    /// dataSize bytes, 0xff before the first write.
    public var data: [UInt8]

    /// Stands for an index without an area.
    static let none = NVArea(pubInfo: NVDataPublic(), authValue: Secret([]), data: [])

    /// The bytes from `offset` on, nil when they pass the end.
    func range(offset: UInt32, count: UInt32) -> Range<Int>? {
        let (end, overflow) = offset.addingReportingOverflow(count)
        guard !overflow, end <= data.count else { return nil }
        return Int(offset)..<Int(end)
    }
}

/// The defined NV areas by index.
public struct NVStorage: Sendable {
    /// All areas' data together, in bytes.
    public static let capacity = 32 * 1024
    /// The number of areas, so that many empty ones cannot fill the memory.
    public static let maximumAreas = 256
    /// The most that one response has room for, in bytes.
    static let maximumRead = TPM.maximumCommandSize - 128

    public internal(set) var areas: [UInt32: NVArea] = [:]

    public init() {}

    /// Bytes that can still be defined.
    public var available: Int {
        areas.count < Self.maximumAreas ? Self.capacity - areas.values.reduce(0) { $0 + $1.data.count } : 0
    }

    /// TPM_NOSPACE when an area of that size does not fit (Part 3, 20.1 action 11).
    func checkSpace(_ size: UInt32) throws(TPMResult) {
        guard Int(size) <= available else { throw .noSpace }
    }

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

    /// Drops the areas made with the TPM (Part 3, 14.3 action 4).
    mutating func removePermanentAreas() {
        areas = areas.filter { index, _ in !NVIndex.isPermanent(index) }
    }
}

extension Execution {
    /// The area of an index; that of the data integrity register is always there (Part 2, 19.1.1). TPM_BADINDEX.
    func nvArea(_ index: UInt32) throws(TPMResult) -> NVArea {
        guard index == NVIndex.dir else { return try state.permanent.nv.area(index) }
        var info = NVDataPublic()
        info.nvIndex = index
        info.permission = NVAttributes(attributes: [.ownerWrite, .writeAll])
        info.dataSize = UInt32(Digest.byteCount)
        return NVArea(pubInfo: info, authValue: Secret([]), data: state.permanent.authDIR.bytes)
    }

    /// Deletes an area and ends the sessions bound to it (Part 3, 20.1 action 6).
    mutating func remove(area index: UInt32) {
        state.permanent.nv.areas[index] = nil
        state.clear.nvLocks[index] = nil
        state.any.sessions.close(boundTo: .nv(index))
    }

    /// TPM_AREA_LOCKED for the locks that the next start opens (Part 3, 20.1 action 6 and 20.2 actions 11 and 12).
    func checkVolatileLocks(_ area: NVArea) throws(TPMResult) {
        let attributes = area.pubInfo.permission.attributes
        if attributes.contains(.globalLock), state.clear.flags.bGlobalLock { throw .areaLocked }
        if attributes.contains(.writeSTClear), state.clear.nvLocks[area.pubInfo.nvIndex]?.bWriteSTClear == true {
            throw .areaLocked
        }
    }

    /// TPM_DISABLED or TPM_DEACTIVATED, for the commands that decide by themselves (Part 2, 17: "A").
    func checkEnabled() throws(TPMResult) {
        if state.permanent.flags.disable { throw .disabled }
        if state.clear.flags.deactivated { throw .deactivated }
    }

    /// TPM_MAXNVWRITES when one more write would be too many for a TPM without an owner (Part 3, 20.1 action 5.d and
    /// 20.2 action 5.b).
    func checkUnownedWrites() throws(TPMResult) {
        guard state.permanent.hasOwner || state.permanent.noOwnerNVWrite < DataLimits.maxNVWriteNoOwner else {
            throw .maxNVWrites
        }
    }

    /// Counts a write that ``checkUnownedWrites()`` allowed and that was done.
    mutating func countUnownedWrite() {
        if !state.permanent.hasOwner { state.permanent.noOwnerNVWrite += 1 }
    }
}
