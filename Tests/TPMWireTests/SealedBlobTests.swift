import TPMCrypto
import Testing

@testable import TPMWire

@Suite struct SealedBlobTests {
    /// Selection of PCR 1 in 2 bytes, then digestAtRelease and digestAtCreation.
    private let info = PCRInfo(
        pcrSelection: PCRSelection(indices: [1], sizeOfSelect: 2), digestAtRelease: Digest(repeating: 0xa1),
        digestAtCreation: Digest(repeating: 0xb2))
    private var infoBytes: [UInt8] {
        [0, 2, 0x02, 0x00] + [UInt8](repeating: 0xa1, count: 20) + [UInt8](repeating: 0xb2, count: 20)
    }

    @Test func theFirstTwoBytesChooseTheForm() throws {
        let old: [UInt8] = [1, 1, 0, 0, 0, 0, 0, 44] + infoBytes + [0, 0, 0, 1, 0xee]
        let blob = SealedBlob.storedData(StoredData(sealInfo: info, encData: [0xee]))
        #expect(try WireDecoder.decode(SealedBlob.self, from: old) == blob)
        #expect(try blob.encoded() == old)
        let new: [UInt8] = [0, 0x16, 0, 5, 0, 0, 0, 0, 0, 0, 0, 2, 0xee, 0xef]
        let blob12 = SealedBlob.storedData12(
            StoredData12(et: EntityType(kind: .key), sealInfo: nil, encData: [0xee, 0xef]))
        #expect(try WireDecoder.decode(SealedBlob.self, from: new) == blob12)
        #expect(try blob12.encoded() == new)
    }

    @Test func anotherTagOrVersionIsBadVersion() {
        let starts: [[UInt8]] = [[0, 0x17], [0, 0x28], [1, 2], [2, 1], [0, 0], [0xff, 0xff]]
        for start in starts {
            #expect(throws: TPMResult.badVersion) {
                try WireDecoder.decode(SealedBlob.self, from: start + [UInt8](repeating: 0, count: 10))
            }
        }
    }

    @Test func theRevisionsOfAnOldBlobMeanNothingAndStay() throws {
        let bytes: [UInt8] = [1, 1, 7, 9, 0, 0, 0, 0, 0, 0, 0, 1, 0xee]
        let blob = try WireDecoder.decode(SealedBlob.self, from: bytes)
        #expect(blob.encData == [0xee])
        #expect(try blob.encoded() == bytes)
        #expect(try blob.publicPart() == Array(bytes.prefix(8)))
    }

    @Test func theRevisionsOfAnOldKeyMeanNothingAndStay() throws {
        var key = Key()
        key.form = .key11
        var bytes = try key.encoded()
        #expect(Array(bytes.prefix(4)) == [1, 1, 0, 0])
        bytes.replaceSubrange(2..<4, with: [7, 9])
        let decoded = try WireDecoder.decode(Key.self, from: bytes)
        #expect(try decoded.encoded() == bytes)
        #expect(try decoded.publicPart() == Array(bytes.dropLast(4)))
    }

    @Test func eachFormTakesOnlyItsOwnSealInfo() throws {
        let bytes: [UInt8] = [0, 0x16, 0, 0, 0, 0, 0, 44] + infoBytes + [0, 0, 0, 0]
        #expect(throws: TPMResult.invalidStructure) { try WireDecoder.decode(SealedBlob.self, from: bytes) }
    }

    @Test func thePublicPartEndsBeforeTheSizeOfTheEncryptedData() throws {
        let blob = SealedBlob.storedData(StoredData(sealInfo: info, encData: [0xee, 0xef]))
        #expect(try blob.publicPart() == [1, 1, 0, 0, 0, 0, 0, 44] + infoBytes)
        #expect(blob.encData == [0xee, 0xef])
        let blob12 = SealedBlob.storedData12(
            StoredData12(et: EntityType(kind: .key), sealInfo: nil, encData: [0xed]))
        #expect(try blob12.publicPart() == [0, 0x16, 0, 5, 0, 0, 0, 0])
        #expect(blob12.encData == [0xed])
    }

    @Test func aDescriberNamesTheFieldsOfTheForm() throws {
        let blob = SealedBlob.storedData12(StoredData12())
        let names = try WireDescriber.describe(blob).map(\.name)
        #expect(names == ["tag", "et", "sealInfoSize", "encDataSize", "encData"])
    }
}
