import TPMCrypto

/// TPM_PCR_INFO, a TPM_PCR_SELECTION and 40 bytes: the PCR binding of 1.1 (Part 2, 8.3).
///
/// Throws what ``PCRSelection`` throws.
public struct PCRInfo: WireStructure, Equatable {
    public var pcrSelection = PCRSelection()
    public var digestAtRelease = Digest.zero
    public var digestAtCreation = Digest.zero

    public init() {}

    public init(pcrSelection: PCRSelection, digestAtRelease: Digest, digestAtCreation: Digest) {
        self.pcrSelection = pcrSelection
        self.digestAtRelease = digestAtRelease
        self.digestAtCreation = digestAtCreation
    }

    /// From the short form (Part 2, 8.10, 8).
    public init(_ short: PCRInfoShort) {
        self.init(
            pcrSelection: short.pcrSelection, digestAtRelease: short.digestAtRelease, digestAtCreation: .zero)
    }

    /// From the long form; the digest at creation is kept only when it covers the same PCRs (Part 2, 8.10, 9).
    public init(_ long: PCRInfoLong) {
        let same =
            long.creationPCRSelection == long.releasePCRSelection
            && long.localityAtCreation == long.localityAtRelease
        self.init(
            pcrSelection: long.releasePCRSelection, digestAtRelease: long.digestAtRelease,
            digestAtCreation: same ? long.digestAtCreation : .zero)
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.structure("pcrSelection", &pcrSelection)
        try coder.digest("digestAtRelease", &digestAtRelease)
        try coder.digest("digestAtCreation", &digestAtCreation)
    }
}

/// TPM_PCR_INFO_LONG, two TPM_PCR_SELECTIONs and 44 bytes: the PCR binding of 1.2 (Part 2, 8.4).
///
/// Another tag is TPM_INVALID_STRUCTURE. TPM_INVALID_PCR_INFO answers a reserved bit in either locality and a
/// locality at release of 0; a locality at creation of 0 is accepted, since the TPM overwrites it.
public struct PCRInfoLong: WireStructure, Equatable {
    public var localityAtCreation = LocalitySelection.all
    public var localityAtRelease = LocalitySelection.all
    public var creationPCRSelection = PCRSelection()
    public var releasePCRSelection = PCRSelection()
    public var digestAtCreation = Digest.zero
    public var digestAtRelease = Digest.zero

    public init() {}

    public init(
        localityAtCreation: LocalitySelection, localityAtRelease: LocalitySelection,
        creationPCRSelection: PCRSelection, releasePCRSelection: PCRSelection,
        digestAtCreation: Digest, digestAtRelease: Digest
    ) {
        self.localityAtCreation = localityAtCreation
        self.localityAtRelease = localityAtRelease
        self.creationPCRSelection = creationPCRSelection
        self.releasePCRSelection = releasePCRSelection
        self.digestAtCreation = digestAtCreation
        self.digestAtRelease = digestAtRelease
    }

    /// From the form of 1.1, with all localities (Part 2, 8.10, 6).
    public init(_ info: PCRInfo) {
        self.init(
            localityAtCreation: .all, localityAtRelease: .all,
            creationPCRSelection: info.pcrSelection, releasePCRSelection: info.pcrSelection,
            digestAtCreation: info.digestAtCreation, digestAtRelease: info.digestAtRelease)
    }

    /// From the short form, without PCRs at creation (Part 2, 8.10, 7).
    public init(_ short: PCRInfoShort) {
        self.init(
            localityAtCreation: .all, localityAtRelease: short.localityAtRelease,
            creationPCRSelection: PCRSelection(sizeOfSelect: short.pcrSelection.sizeOfSelect, bits: 0),
            releasePCRSelection: short.pcrSelection,
            digestAtCreation: .zero, digestAtRelease: short.digestAtRelease)
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.tag(.pcrInfoLong)
        try coder.value("localityAtCreation", &localityAtCreation, else: .invalidPCRInfo)
        try coder.value("localityAtRelease", &localityAtRelease, else: .invalidPCRInfo)
        if coder.isDecoding, localityAtRelease.isEmpty { throw .invalidPCRInfo }
        try coder.structure("creationPCRSelection", &creationPCRSelection)
        try coder.structure("releasePCRSelection", &releasePCRSelection)
        try coder.digest("digestAtCreation", &digestAtCreation)
        try coder.digest("digestAtRelease", &digestAtRelease)
    }
}

/// TPM_PCR_INFO_SHORT, a TPM_PCR_SELECTION and 21 bytes: what a release demands (Part 2, 8.5).
///
/// A locality at release of 0, or with a reserved bit, is TPM_INVALID_PCR_INFO.
public struct PCRInfoShort: WireStructure, Equatable {
    public var pcrSelection = PCRSelection()
    public var localityAtRelease = LocalitySelection.all
    public var digestAtRelease = Digest.zero

    public init() {}

    public init(pcrSelection: PCRSelection, localityAtRelease: LocalitySelection, digestAtRelease: Digest) {
        self.pcrSelection = pcrSelection
        self.localityAtRelease = localityAtRelease
        self.digestAtRelease = digestAtRelease
    }

    /// From the form of 1.1, with all localities (Part 2, 8.10, 4).
    public init(_ info: PCRInfo) {
        self.init(
            pcrSelection: info.pcrSelection, localityAtRelease: .all, digestAtRelease: info.digestAtRelease)
    }

    /// From the long form (Part 2, 8.10, 5).
    public init(_ long: PCRInfoLong) {
        self.init(
            pcrSelection: long.releasePCRSelection, localityAtRelease: long.localityAtRelease,
            digestAtRelease: long.digestAtRelease)
    }

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.structure("pcrSelection", &pcrSelection)
        try coder.value("localityAtRelease", &localityAtRelease, else: .invalidPCRInfo)
        if coder.isDecoding, localityAtRelease.isEmpty { throw .invalidPCRInfo }
        try coder.digest("digestAtRelease", &digestAtRelease)
    }
}
