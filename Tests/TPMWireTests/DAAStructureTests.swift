import TPMCrypto
import Testing

@testable import TPMWire

/// Part 2, 22, against bytes written out by hand.
@Suite struct DAAStructureTests {
    @Test func issuer() throws {
        var issuer = DAAIssuer()
        issuer.digestR0 = Digest(repeating: 1)
        issuer.digestR1 = Digest(repeating: 2)
        issuer.digestS0 = Digest(repeating: 3)
        issuer.digestS1 = Digest(repeating: 4)
        issuer.digestN = Digest(repeating: 5)
        issuer.digestGamma = Digest(repeating: 6)
        issuer.genericQ = [UInt8](repeating: 7, count: 26)
        let digests = (1...6).map { repeated("0\($0)", 20) }.joined()
        try expectStructure(issuer, tag: .daaIssuer, is: "002f" + digests + repeated("07", 26))
        issuer.genericQ = [7]
        #expect(throws: TPMResult.size) { try issuer.encoded() }
    }

    @Test func tpm() throws {
        var tpm = DAATPM()
        tpm.digestIssuer = Digest(repeating: 1)
        tpm.digestV0 = Digest(repeating: 2)
        tpm.digestV1 = Digest(repeating: 3)
        tpm.rekey = Secret([UInt8](repeating: 4, count: 20))
        tpm.count = 5
        let digests = (1...4).map { repeated("0\($0)", 20) }.joined()
        try expectStructure(tpm, tag: .daaTPM, is: "0032" + digests + "00000005")
    }

    @Test func session() throws {
        var context = DAAContext()
        context.digestContext = Digest(repeating: 1)
        context.digest = Digest(repeating: 2)
        context.contextSeed = Secret([UInt8](repeating: 3, count: 20))
        context.scratch = Secret([UInt8](repeating: 4, count: 256))
        context.stage = 9
        try expectStructure(
            context, tag: .daaContext,
            is: "002d" + repeated("01", 20) + repeated("02", 20) + repeated("03", 20) + repeated("04", 256) + "09")
        var join = DAAJoinData()
        join.u0 = Secret([UInt8](repeating: 1, count: 128))
        join.u1 = Secret([UInt8](repeating: 2, count: 138))
        join.digestN0 = Digest(repeating: 3)
        try expectStructure(join, is: repeated("01", 128) + repeated("02", 138) + repeated("03", 20))
    }

    @Test func blobs() throws {
        var blob = DAABlob()
        blob.resourceType = .daaV1
        blob.label = [UInt8](repeating: 0x6c, count: 16)
        blob.blobIntegrity = Given.nonce
        blob.additionalData = [1]
        blob.sensitiveData = [2, 3]
        try expectStructure(
            blob, tag: .daaBlob,
            is: "002c 0000000a" + repeated("6c", 16) + Given.nonceBytes + "00000001 01 00000002 0203")
        try expectCode(.invalidResource, for: blob, with: 11, at: 5)
        try expectStructure(
            DAASensitive(internalData: Secret([4])), tag: .daaSensitive, is: "0031 00000001 04")
    }
}
