import Testing
import TPMCrypto

@testable import TPMWire

/// Sections 11.3 to 18 of Part 2: sizes as the specification's fields add up to, and strict decoding.
@Suite struct LaterStructureTests {
    private func check<T: WireStructure & Equatable>(_ value: T, size: Int, tag: StructureTag?) throws {
        let bytes = try value.encoded()
        #expect(bytes.count == size)
        #expect(try WireDecoder.decode(T.self, from: bytes) == value)
        for length in 0..<bytes.count {
            #expect(throws: TPMResult.badParamSize) { try WireDecoder.decode(T.self, from: bytes[..<length]) }
        }
        #expect(throws: TPMResult.badParamSize) { try WireDecoder.decode(T.self, from: bytes + [0]) }
        if let tag {
            #expect(Array(bytes.prefix(2)) == [UInt8(tag.rawValue >> 8), UInt8(tag.rawValue & 0xff)])
            var wrong = bytes
            wrong[1] ^= 0x80
            #expect(throws: TPMResult.invalidStructure) { try WireDecoder.decode(T.self, from: wrong) }
        }
    }

    private let one = Digest(repeating: 1)
    private let two = Digest(repeating: 2)

    @Test func quoteInfoIsVersionFixedDigestAndNonce() throws {
        let info = QuoteInfo(digestValue: one, externalData: two)
        #expect(try info.encoded() == [1, 1, 0, 0] + Array("QUOT".utf8) + one.bytes + two.bytes)
        try check(info, size: 48, tag: nil)
        var wrong = try info.encoded()
        wrong[4] = 0
        #expect(throws: TPMResult.invalidStructure) { try WireDecoder.decode(QuoteInfo.self, from: wrong) }
    }

    @Test func quoteInfo2() throws {
        let short = PCRInfoShort(
            pcrSelection: PCRSelection(indices: [0, 23]), localityAtRelease: .all, digestAtRelease: two)
        try check(QuoteInfo2(externalData: one, infoShort: short), size: 52, tag: .quoteInfo2)
    }

    @Test func certifyInfo() throws {
        var info = CertifyInfo()
        info.algorithmParms = KeyParms(
            algorithmID: .rsa, encScheme: .none, sigScheme: .rsassaPKCS1v15SHA1,
            parms: .rsa(RSAKeyParms(keyLength: 2048, numPrimes: 2, exponent: [])))
        info.pubkeyDigest = one
        info.data = two
        // 4 + 2 + 4 + 1, the parameters' 12 + 12, two digests, the flag and the size of no PCR information.
        try check(info, size: 80, tag: nil)
        info.pcrInfo = PCRInfo(
            pcrSelection: PCRSelection(indices: [1]), digestAtRelease: one, digestAtCreation: two)
        try check(info, size: 125, tag: nil)
    }

    @Test func transport() throws {
        let attributes: TransportAttributes = [.encrypt, .log]
        try check(
            TransportPublic(transAttributes: attributes, algId: 6, encScheme: 4), size: 12, tag: .transportPublic)
        try check(TransportLogIn(parameters: one, pubKeyHash: two), size: 42, tag: .transportLogIn)
        let ticks = CurrentTicks(currentTicks: .max, tickRate: 1, tickNonce: one)
        try check(
            TransportLogOut(currentTicks: ticks, parameters: two, locality: 1), size: 58, tag: .transportLogOut)
        try check(TransportAuth(authData: Secret(one)), size: 22, tag: .transportAuth)
        #expect(throws: TPMResult.badParameter) {
            try WireDecoder.decode(TransportPublic.self, from: [0, 0x1e, 0, 0, 0, 8, 0, 0, 0, 6, 0, 4])
        }
    }

    @Test func auditAndTicks() throws {
        let count = CounterValue(label: [0, 0, 0, 0], counter: 7)
        try check(AuditEventIn(inputParms: one, auditCount: count), size: 32, tag: .auditEventIn)
        try check(AuditEventOut(outputParms: two, auditCount: count), size: 32, tag: .auditEventOut)
        try check(CurrentTicks(currentTicks: 1 << 40, tickRate: 1000, tickNonce: two), size: 32, tag: .currentTicks)
    }

    @Test func nvDataPublic() throws {
        var data = NVDataPublic()
        data.nvIndex = 0x1000_0001
        let short = PCRInfoShort(
            pcrSelection: PCRSelection(indices: [2]), localityAtRelease: .all, digestAtRelease: one)
        data.pcrInfoRead = short
        data.pcrInfoWrite = short
        data.permission = NVAttributes(attributes: [.readSTClear, .authRead, .ppWrite])
        data.bWriteDefine = true
        data.dataSize = 32
        // Tag and index 6, two PCR informations of 26, the permission 6, three flags and the size 4.
        try check(data, size: 71, tag: .nvDataPublic)
        #expect(try data.permission.encoded() == [0, 0x17, 0x80, 0x04, 0, 0x01])
    }

    @Test func context() throws {
        var blob = ContextBlob()
        blob.resourceType = .auth
        blob.handle = 0x0102_0304
        blob.contextCount = 9
        blob.additionalData = [1, 2, 3]
        blob.sensitiveData = [4, 5]
        try check(blob, size: 63, tag: .contextBlob)
        let sensitive = ContextSensitive(contextNonce: one, internalData: Secret([1, 2]))
        try check(sensitive, size: 28, tag: .contextSensitive)
    }
}
