import TPMCrypto
import TPMWire

extension TPMClient {
    /// The value of one PCR (Part 3, 16.2).
    public func pcr(_ index: UInt32) throws -> Digest {
        try execute(PcrRead.self, .init(pcrIndex: index)).outDigest
    }

    /// The values of all PCRs that a selection can name, in order.
    public func pcrs() throws -> [Digest] {
        try (0..<UInt32(PCRSelection.pcrCount)).map { try pcr($0) }
    }

    /// Makes the digest part of a PCR and returns the new value, SHA-1 of the old one and the digest (Part 3, 16.1).
    @discardableResult
    public func extend(_ index: UInt32, with digest: Digest) throws -> Digest {
        try execute(Extend.self, .init(pcrNum: index, inDigest: digest)).outDigest
    }

    /// Resets PCRs that can be, 16 and 23 on a PC (Part 3, 16.4).
    public func resetPCRs(_ selection: PCRSelection) throws {
        try execute(PCRReset.self, .init(pcrSelection: selection))
    }

    /// The present values of the selected PCRs.
    public func composite(_ selection: PCRSelection) throws -> PCRComposite {
        PCRComposite(select: selection, pcrValue: try selection.indices.map { try pcr(UInt32($0)) })
    }

    /// Ties a blob or a key to the present values of the selected PCRs, at any locality.
    public func binding(to selection: PCRSelection) throws -> PCRInfoLong {
        PCRInfoLong(
            localityAtCreation: .all, localityAtRelease: .all, creationPCRSelection: selection,
            releasePCRSelection: selection, digestAtCreation: .zero,
            digestAtRelease: try composite(selection).digest())
    }
}

extension PCRComposite {
    /// TPM_COMPOSITE_HASH (Part 2, 5.4): what a blob that is tied to these values carries.
    ///
    /// - Throws: TPM_INVALID_PCR_INFO when there is not one value for each selected PCR.
    public func digest() throws(TPMResult) -> Digest { SHA1.hash(try encoded()) }
}
