import TPMCrypto

/// TPM_PCR_SELECTION, 2 bytes and a bit map of 1 to 3 bytes, bit 0 of byte 0 being PCR 0 (Part 2, 8.1).
///
/// An empty map, or one for more than the 24 PCRs of the TPM, is TPM_INVALID_PCR_INFO.
public struct PCRSelection: WireStructure, Equatable {
    /// The number of PCRs that a selection can name.
    public static let pcrCount = 24

    /// The bytes of the map on the wire, 1 to 3.
    public private(set) var sizeOfSelect: UInt16 = 3
    /// One bit for each PCR, PCR 0 the lowest.
    public private(set) var bits: UInt32 = 0

    public init() {}

    /// A selection of bits; the size is brought into 1...3 and bits beyond it are dropped.
    public init(sizeOfSelect: UInt16 = 3, bits: UInt32) {
        self.sizeOfSelect = min(max(sizeOfSelect, 1), 3)
        self.bits = bits & (1 << (8 * UInt32(self.sizeOfSelect)) - 1)
    }

    /// A selection of PCRs by number; numbers beyond the map are dropped.
    public init(indices: some Sequence<Int>, sizeOfSelect: UInt16 = 3) {
        var bits: UInt32 = 0
        for index in indices where (0..<Self.pcrCount).contains(index) { bits |= 1 << UInt32(index) }
        self.init(sizeOfSelect: sizeOfSelect, bits: bits)
    }

    public var isEmpty: Bool { bits == 0 }
    /// The selected PCRs in ascending order.
    public var indices: [Int] { (0..<Self.pcrCount).filter(contains) }

    public func contains(_ index: Int) -> Bool {
        (0..<Self.pcrCount).contains(index) && bits >> UInt32(index) & 1 == 1
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.uint16("sizeOfSelect", &sizeOfSelect)
        guard (1...3).contains(sizeOfSelect) else { throw .invalidPCRInfo }
        var map: [UInt8] = []
        for index in 0..<UInt32(sizeOfSelect) { map.append(UInt8(truncatingIfNeeded: bits >> (8 * index))) }
        try coder.fixed("pcrSelect", &map, count: Int(sizeOfSelect))
        guard coder.isDecoding else { return }
        bits = map.reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }
}

/// TPM_PCR_COMPOSITE, a TPM_PCR_SELECTION and 4 + 20n bytes (Part 2, 8.2).
///
/// A size other than 20 bytes for each selected PCR is TPM_INVALID_PCR_INFO.
public struct PCRComposite: WireStructure, Equatable {
    public var select = PCRSelection()
    /// The values in the order of the selection.
    public var pcrValue: [Digest] = []

    public init() {}

    public init(select: PCRSelection, pcrValue: [Digest]) {
        self.select = select
        self.pcrValue = pcrValue
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.structure("select", &select)
        let count = UInt32(select.bits.nonzeroBitCount)
        if !coder.isDecoding, pcrValue.count != Int(count) { throw .invalidPCRInfo }
        var valueSize = count * UInt32(Digest.byteCount)
        try coder.uint32("valueSize", &valueSize)
        if valueSize != count * UInt32(Digest.byteCount) { throw .invalidPCRInfo }
        try coder.digests("pcrValue", &pcrValue, count: count)
    }
}

/// TPM_PCR_ATTRIBUTES, 3 bytes (Part 2, 8.8).
///
/// A bad flag is TPM_BAD_PARAMETER, a reserved locality bit TPM_INVALID_PCR_INFO.
public struct PCRAttributes: WireStructure, Equatable {
    public var pcrReset = false
    public var pcrExtendLocal = LocalitySelection()
    public var pcrResetLocal = LocalitySelection()

    public init() {}

    public init(pcrReset: Bool, pcrExtendLocal: LocalitySelection, pcrResetLocal: LocalitySelection) {
        self.pcrReset = pcrReset
        self.pcrExtendLocal = pcrExtendLocal
        self.pcrResetLocal = pcrResetLocal
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.bool("pcrReset", &pcrReset)
        try coder.value("pcrExtendLocal", &pcrExtendLocal, else: .invalidPCRInfo)
        try coder.value("pcrResetLocal", &pcrResetLocal, else: .invalidPCRInfo)
    }
}
