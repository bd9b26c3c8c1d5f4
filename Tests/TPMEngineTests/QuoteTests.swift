import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import TPMEngine

/// TPM_Quote and TPM_Quote2 (Part 3, 16.3 and 16.5). What is signed is written out here byte by byte.
@Suite struct QuoteTests {
    private let externalData = Digest(repeating: 0x99)
    private let selection = PCRSelection(indices: [0, 10])

    private func verifies(_ sig: [UInt8], over bytes: [UInt8], by handle: KeyHandle, on tpm: OwnedTPM) throws -> Bool {
        let modulus = try #require(tpm.tpm.state.keys[handle]).key.pubKey.key
        // DigestInfo of SHA-1 (PKCS #1 v2.2, 9.2 note 1).
        let info: [UInt8] = [48, 33, 48, 9, 6, 5, 43, 14, 3, 2, 26, 5, 0, 4, 20]
        return try RSAPublicKey(modulus: modulus, exponent: 65537)
            .verifyPKCS1(digestInfo: info + SHA1.hash(bytes).bytes, signature: sig)
    }

    /// TPM_PCR_COMPOSITE of the registers 0 and 10.
    private func composite(_ tpm: OwnedTPM) -> [UInt8] {
        let pcrs = tpm.tpm.state.clear.pcrs
        return [0, 3, 0x01, 0x04, 0x00, 0, 0, 0, 40] + pcrs[0].bytes + pcrs[10].bytes
    }

    private func key(on tpm: OwnedTPM, _ scheme: SigScheme = .rsassaPKCS1v15SHA1) throws -> KeyHandle {
        for number in [UInt32(0), 10] {
            try tpm.client.execute(Extend.self, .init(pcrNum: number, inDigest: Digest(repeating: 3)))
        }
        return try tpm.newKey(OwnedTPM.template(.signing, sigScheme: scheme))
    }

    private func session(on tpm: OwnedTPM) throws -> Session { try tpm.client.oiap(OwnedTPM.keyAuth, continues: true) }

    @Test func theSharedChecksPass() throws {
        let tpm = OwnedTPM()
        let key = try key(on: tpm)
        try check(
            Quote.self, .init(keyHandle: key, externalData: externalData, targetPCR: selection), on: tpm,
            try session(on: tpm), sizeErrors: [.badParamSize, .invalidPCRInfo])
        try check(
            Quote2.self,
            .init(keyHandle: key, externalData: externalData, targetPCR: selection, addVersion: true), on: tpm,
            try session(on: tpm), sizeErrors: [.badParamSize, .invalidPCRInfo, .badParameter])
    }

    @Test(arguments: [SigScheme.rsassaPKCS1v15SHA1, .rsassaPKCS1v15INFO])
    func aQuoteSignsTheRegistersAndTheCallersData(_ scheme: SigScheme) throws {
        let tpm = OwnedTPM()
        let key = try key(on: tpm, scheme)
        let quote = try tpm.client.execute(
            Quote.self, .init(keyHandle: key, externalData: externalData, targetPCR: selection),
            try session(on: tpm))
        #expect(try quote.pcrData.encoded() == composite(tpm))
        let signed = [1, 1, 0, 0] + Array("QUOT".utf8) + SHA1.hash(composite(tpm)).bytes + externalData.bytes
        #expect(try verifies(quote.sig, over: signed, by: key, on: tpm))
    }

    @Test(arguments: [false, true]) func aQuote2SignsTheLocalityToo(_ addVersion: Bool) throws {
        let tpm = OwnedTPM()
        let key = try key(on: tpm)
        tpm.locality = .three
        let quote = try tpm.client.execute(
            Quote2.self,
            .init(keyHandle: key, externalData: externalData, targetPCR: selection, addVersion: addVersion),
            try session(on: tpm))
        let short: [UInt8] = [0, 3, 0x01, 0x04, 0x00, 0x08] + SHA1.hash(composite(tpm)).bytes
        #expect(try quote.pcrData.encoded() == short)
        #expect(quote.versionInfo.isEmpty == !addVersion)
        // TPM_TAG_QUOTE_INFO2 and TPM_TAG_CAP_VERSION_INFO.
        let signed = [0, 0x36] + Array("QUT2".utf8) + externalData.bytes + short + quote.versionInfo
        #expect(try verifies(quote.sig, over: signed, by: key, on: tpm))
        if addVersion { #expect(Array(quote.versionInfo.prefix(2)) == [0, 0x30]) }
    }

    @Test func theDigestOfNoRegisterIsZero() throws {
        let tpm = OwnedTPM()
        let key = try key(on: tpm)
        let none = PCRSelection(indices: [])
        let quote = try tpm.client.execute(
            Quote.self, .init(keyHandle: key, externalData: externalData, targetPCR: none), try session(on: tpm))
        let signed = [1, 1, 0, 0] + Array("QUOT".utf8) + [UInt8](repeating: 0, count: 20) + externalData.bytes
        #expect(try verifies(quote.sig, over: signed, by: key, on: tpm))
        let second = try tpm.client.execute(
            Quote2.self, .init(keyHandle: key, externalData: externalData, targetPCR: none, addVersion: false),
            try session(on: tpm))
        #expect(second.pcrData.digestAtRelease == .zero)
    }

    @Test func onlyAKeyThatMarksOrHashesWhatItSignsQuotes() throws {
        let tpm = OwnedTPM()
        func code(_ key: KeyHandle) throws -> [TPMResult?] {
            [
                tpm.code(
                    Quote.self, .init(keyHandle: key, externalData: .zero, targetPCR: selection),
                    try session(on: tpm)),
                tpm.code(
                    Quote2.self, .init(keyHandle: key, externalData: .zero, targetPCR: selection, addVersion: false),
                    try session(on: tpm)),
            ]
        }
        let der = try tpm.newKey(OwnedTPM.template(.signing, sigScheme: .rsassaPKCS1v15DER))
        #expect(try code(der) == [.inappropriateSig, .inappropriateSig])
        let storage = try tpm.newKey(OwnedTPM.template(.storage))
        #expect(try code(storage) == [.inappropriateSig, .inappropriateSig])
        let legacy = try tpm.newKey(OwnedTPM.template(.legacy))
        #expect(try code(legacy) == [.success, .success])
        #expect(try code(KeyHandle(rawValue: 0x0011_2233)) == [.invalidKeyHandle, .invalidKeyHandle])
    }

    @Test func onlyAKeyOfNoAuthorizationQuotesWithoutASession() throws {
        let tpm = OwnedTPM()
        let guarded = try key(on: tpm)
        let open = try tpm.newKey(OwnedTPM.template(.signing, authDataUsage: .never))
        func request(_ key: KeyHandle) -> Quote.Request {
            .init(keyHandle: key, externalData: .zero, targetPCR: selection)
        }
        #expect(tpm.code(Quote.self, request(guarded)) == .authFail)
        try check(Quote.self, request(open), on: tpm, sizeErrors: [.badParamSize, .invalidPCRInfo])
    }
}
