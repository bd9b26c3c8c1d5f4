import TPMCrypto
import Testing

@testable import TPMWire

/// Part 2, 9, against bytes written out by hand.
@Suite struct StorageStructureTests {
    private let digest = Digest(repeating: 0xa1)
    private let digestBytes = repeated("a1", 20)
    private var info: PCRInfo {
        PCRInfo(pcrSelection: Given.selection, digestAtRelease: digest, digestAtCreation: Given.nonce)
    }

    @Test func storedData() throws {
        let stored = StoredData(sealInfo: info, encData: [1])
        try expectStructure(
            stored, is: "01010000 0000002d" + Given.selectionBytes + digestBytes + Given.nonceBytes + "00000001 01")
        try expectStructure(StoredData(sealInfo: nil, encData: [1]), is: "01010000 00000000 00000001 01")
        try expectCode(.badVersion, for: stored, with: 2, at: 1)
        // A size of the seal info that is one too small, one too large.
        try expectCode(.badParamSize, for: stored, with: 0x2c, at: 7)
        try expectCode(.badParamSize, for: stored, with: 0x2e, at: 7)
    }

    @Test func storedData12() throws {
        let long = PCRInfoLong(
            localityAtCreation: .zero, localityAtRelease: .all, creationPCRSelection: Given.selection,
            releasePCRSelection: Given.selection, digestAtCreation: digest, digestAtRelease: Given.nonce)
        try expectStructure(
            StoredData12(et: EntityType(kind: .key), sealInfo: long, encData: [1]), tag: .storedData12,
            is: "0016 0005 00000036 0006 01 1f" + Given.selectionBytes + Given.selectionBytes + digestBytes
                + Given.nonceBytes + "00000001 01")
    }

    @Test func sealedData() throws {
        let sealed = SealedData(
            payload: .seal, authData: Given.auth, tpmProof: Secret(digest), storedDigest: Given.nonce,
            data: Secret([1, 2]))
        try expectStructure(
            sealed, is: "05" + Given.authBytes + digestBytes + Given.nonceBytes + "00000002 0102")
        try expectCode(.notSealedBlob, for: sealed, with: 0, at: 0)
        try expectCode(.notSealedBlob, for: sealed, with: 0x80, at: 0)
    }

    @Test func symmetricKeyAndBoundData() throws {
        try expectStructure(
            SymmetricKey(algId: .aes128, encScheme: .symCTR, data: Secret([1, 2, 3])),
            is: "00000006 0004 0003 010203")
        let bound = BoundData(payload: .bind, payloadData: Secret([5, 6]))
        try expectStructure(bound, is: "01010000 02 0506", unsized: 2)
        try expectCode(.badVersion, for: bound, with: 2, at: 0)
        try expectCode(.invalidStructure, for: bound, with: 9, at: 4)
    }
}
