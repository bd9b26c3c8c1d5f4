import TPMCrypto
import Testing

@testable import TPMWire

/// The operands of Part 3, chapter 10, against bytes written out by hand.
@Suite struct StorageCommandTests {
    @Test func sealing() throws {
        let blob = SealedBlob.storedData(StoredData(sealInfo: nil, encData: [0xee, 0xef]))
        let blobBytes = "01010000 00000000 00000002 eeef"
        let blob12 = SealedBlob.storedData12(
            StoredData12(et: EntityType(scheme: .xor, kind: .key), sealInfo: nil, encData: [0xed]))
        let blob12Bytes = "0016 0005 00000000 00000001 ed"
        try expect(
            Seal.Request(keyHandle: Given.handle, encAuth: Given.auth, pcrInfo: [1, 2, 3], inData: Secret([4, 5])),
            handles: Given.handleBytes, is: Given.authBytes + "00000003 010203 00000002 0405")
        try expect(Seal.Response(sealedData: blob), is: blobBytes)
        try expect(
            Sealx.Request(keyHandle: Given.handle, encAuth: Given.auth, inData: Secret([6])),
            handles: Given.handleBytes, is: Given.authBytes + "00000000 00000001 06")
        try expect(Sealx.Response(sealedData: blob12), is: blob12Bytes)
        try expect(Unseal.Request(parentHandle: Given.handle, inData: blob), handles: Given.handleBytes, is: blobBytes)
        try expect(Unseal.Request(parentHandle: .srk, inData: blob12), handles: "40000000", is: blob12Bytes)
        try expect(Unseal.Response(secret: Secret([9, 8, 7])), is: "00000003 090807")
        try expect(
            UnBind.Request(keyHandle: Given.handle, inData: [1, 2]), handles: Given.handleBytes, is: "00000002 0102")
        try expect(UnBind.Response(outData: Secret([3])), is: "00000001 03")
    }

    @Test func keys() throws {
        let migration = Secret([UInt8](repeating: 0xb8, count: 20))
        try expect(
            CreateWrapKey.Request(
                parentHandle: Given.handle, dataUsageAuth: Given.auth, dataMigrationAuth: migration,
                keyInfo: Given.key(.key11)),
            handles: Given.handleBytes, is: Given.authBytes + String(repeating: "b8", count: 20) + Given.key11Bytes)
        try expect(CreateWrapKey.Response(wrappedKey: Given.key(.key12)), is: Given.key12Bytes)
        try expect(
            LoadKey2.Request(parentHandle: .srk, inKey: Given.key(.key12)), handles: "40000000", is: Given.key12Bytes)
        try expect(LoadKey2.Response(inkeyHandle: Given.handle), handles: Given.handleBytes, is: "")
        try expect(GetPubKey.Request(keyHandle: Given.handle), handles: Given.handleBytes, is: "")
        try expect(GetPubKey.Response(pubKey: Given.pubkey), is: Given.pubkeyBytes)
    }

    @Test func aDescriberNamesAHandleOnOneLineAndMasksWhatIsSealed() throws {
        var request = Seal.Request(keyHandle: .srk, encAuth: Given.auth, inData: Secret([4, 5]))
        var describer = WireDescriber()
        try request.handles(&describer)
        try request.code(&describer)
        #expect(
            describer.fields.map { "\($0.depth) \($0.name) \($0.value)" } == [
                "0 keyHandle 0x40000000 srk", "0 encAuth <20 secret bytes>", "0 pcrInfoSize 0", "0 pcrInfo ",
                "0 inDataSize 2", "0 inData <2 secret bytes>",
            ])
    }
}
