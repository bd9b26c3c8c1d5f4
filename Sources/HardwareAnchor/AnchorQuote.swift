import TPMClient
import TPMCrypto
import TPMWire

/// What PCRs held, signed by a TPM for a verifier's nonce. It is verified with nothing but the public key.
public struct AnchorQuote: Sendable, Equatable {
    /// What was signed.
    public enum Form: UInt8, Sendable {
        /// A TPM_QUOTE_INFO of 48 bytes (TPM 1.2 Part 2, 11.3), with PKCS #1 v1.5 and SHA-1.
        case quoteInfo = 1
        /// A TPMS_ATTEST (TPM 2.0 Part 2, 10.12), with PKCS #1 v1.5 and SHA-256.
        case attest = 2
    }

    public private(set) var form = Form.attest
    /// The bytes that were signed.
    public private(set) var statement: [UInt8] = []
    public private(set) var signature: [UInt8] = []
    /// The DER of the key that is said to have signed. A verifier knows beforehand which key it trusts.
    public private(set) var quotingKey: [UInt8] = []
    /// The values that are said to have been quoted.
    public private(set) var configuration = PCRConfiguration()

    init(_ form: Form, _ statement: [UInt8], signature: [UInt8], key: [UInt8], _ configuration: PCRConfiguration) {
        self.form = form
        self.statement = statement
        self.signature = signature
        quotingKey = key
        self.configuration = configuration
    }

    /// - Throws: ``AnchorError/damaged(_:)``.
    public init(bytes: [UInt8]) throws(AnchorError) { self = try AnchorFrame.quote.unwrap(Secret(bytes)) }

    public func bytes() throws(AnchorError) -> [UInt8] { try AnchorFrame.quote.wrap(self).bytes }
}

extension AnchorQuote: WireStructure {
    public init() {}

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.value("form", &form, else: .invalidStructure)
        try coder.sized("statement", .u16("statementSize"), &statement)
        try coder.sized("signature", .u16("signatureSize"), &signature)
        try coder.sized("quotingKey", .u16("quotingKeySize"), &quotingKey)
        try coder.structure("configuration", &configuration)
    }
}

// MARK: - Quotes of a software TPM

extension AnchorQuote {
    /// What TPM_Quote signs (Part 3, 16.3), for PCRs that are known without asking a TPM.
    ///
    /// - Parameters:
    ///   - configuration: the values of SHA-1 PCRs.
    ///   - nonce: what the verifier chose, ``AnchorLimit/nonceBytes``.
    public init(
        of configuration: PCRConfiguration, nonce: [UInt8], signedBy key: RSAPrivateKey
    ) throws(AnchorError) {
        try Self.check(nonce: nonce)
        guard configuration.algorithm == .sha1 else { throw .unfit("A TPM 1.2 quotes PCRs of SHA-1 alone.") }
        do {
            let info = QuoteInfo(digestValue: try configuration.composite(), externalData: Self.externalData(nonce))
            let statement = try info.encoded()
            self.init(
                .quoteInfo, statement, signature: try key.signPKCS1(block: DigestInfo.sha1(SHA1.hash(statement))),
                key: try key.publicKey.subjectPublicKeyInfo(), configuration)
        } catch { throw .failed("The quote cannot be signed: \(error).") }
    }
}

// MARK: - Verification

/// Why a quote is not to be believed.
public enum QuoteFlaw: Error, Sendable, Equatable, CustomStringConvertible {
    case keyUnreadable
    case otherKey
    case badSignature
    case otherStatement
    case otherNonce
    case otherValues

    public var description: String {
        switch self {
        case .keyUnreadable: "The trusted key is not the DER of an RSA public key."
        case .otherKey: "The quote says that another key signed it than the one that is trusted."
        case .badSignature: "The signature is not the trusted key's."
        case .otherStatement: "What was signed is no quote."
        case .otherNonce: "The quote answers another nonce: it is an old one, or not for this verifier."
        case .otherValues: "The PCR values beside the quote are not those that were signed."
        }
    }
}

extension AnchorQuote {
    /// Returns when the trusted key signed exactly these values for this nonce.
    ///
    /// - Parameters:
    ///   - trusted: the DER of the key, from where it is known to be that hardware's.
    ///   - nonce: what the verifier chose.
    public func verify(by trusted: [UInt8], nonce: [UInt8]) throws(QuoteFlaw) {
        guard let key = try? RSAPublicKey(subjectPublicKeyInfo: trusted) else { throw .keyUnreadable }
        guard quotingKey == trusted else { throw .otherKey }
        let isSigned =
            switch form {
            case .quoteInfo: key.verify(SHA1.hash(statement), signature: signature)
            case .attest: key.verifyPKCS1(digestInfo: DigestInfo.sha256(of: statement), signature: signature)
            }
        guard isSigned else { throw .badSignature }
        switch form {
        case .quoteInfo: try checkQuoteInfo(nonce)
        case .attest: try checkAttest(nonce)
        }
    }

    private func checkQuoteInfo(_ nonce: [UInt8]) throws(QuoteFlaw) {
        guard let info = try? WireDecoder.decode(QuoteInfo.self, from: statement) else { throw .otherStatement }
        guard info.externalData == Self.externalData(nonce) else { throw .otherNonce }
        guard configuration.algorithm == .sha1, info.digestValue == (try? configuration.composite()) else {
            throw .otherValues
        }
    }

    private func checkAttest(_ nonce: [UInt8]) throws(QuoteFlaw) {
        guard let attest = try? WireDecoder.decode(QuoteAttest.self, from: statement) else { throw .otherStatement }
        guard attest.extraData == nonce else { throw .otherNonce }
        guard attest.selections == [QuoteAttest.Selection(configuration)],
            attest.pcrDigest == configuration.digest
        else { throw .otherValues }
    }

    /// What a TPM 1.2 signs of a nonce: 20 bytes as they are, and of more the first 20 of their SHA-256.
    static func externalData(_ nonce: [UInt8]) -> Digest {
        Digest(nonce) ?? Digest(SHA256.hash(nonce).prefix(Digest.byteCount)) ?? .zero
    }

    static func check(nonce: [UInt8]) throws(AnchorError) {
        guard AnchorLimit.nonceBytes.contains(nonce.count) else {
            throw .unfit("A nonce of \(nonce.count) bytes is of no use: choose 20 to 32.")
        }
    }
}

/// A TPMS_ATTEST of a quote (TPM 2.0 Part 2, 10.12.8).
///
/// Another magic and another type are TPM_INVALID_STRUCTURE.
struct QuoteAttest: WireStructure, Equatable {
    var qualifiedSigner: [UInt8] = []
    /// The nonce.
    var extraData: [UInt8] = []
    var clock: UInt64 = 0
    var resetCount: UInt32 = 0
    var restartCount: UInt32 = 0
    var isClockSafe: UInt8 = 0
    var firmwareVersion: UInt64 = 0
    var selections: [Selection] = []
    var pcrDigest: [UInt8] = []

    mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        var magic: UInt32 = 0xff54_4347
        try coder.uint32("magic", &magic)
        try coder.constant("type", 0x8018)
        guard magic == 0xff54_4347 else { throw .invalidStructure }
        try coder.sized("qualifiedSigner", .u16("size"), &qualifiedSigner)
        try coder.sized("extraData", .u16("size"), &extraData)
        try coder.uint64("clock", &clock)
        try coder.uint32("resetCount", &resetCount)
        try coder.uint32("restartCount", &restartCount)
        try coder.uint8("safe", &isClockSafe)
        try coder.uint64("firmwareVersion", &firmwareVersion)
        var count = UInt32(clamping: selections.count)
        try coder.uint32("count", &count)
        try coder.array("pcrSelections", &selections, count: Int(count))
        try coder.sized("pcrDigest", .u16("size"), &pcrDigest)
    }

    /// A TPMS_PCR_SELECTION.
    struct Selection: WireStructure, Equatable {
        var hash: UInt16 = 0
        /// Bit 0 of byte 0 is PCR 0.
        var map: [UInt8] = []

        init() {}

        init(_ configuration: PCRConfiguration) {
            hash = configuration.algorithm.rawValue
            map = (0..<3).map { byte in
                (0..<8).reduce(0) { configuration.values[8 * byte + $1] == nil ? $0 : $0 | 1 << UInt8($1) }
            }
        }

        mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
            try coder.uint16("hash", &hash)
            var size = UInt8(clamping: map.count)
            try coder.uint8("sizeofSelect", &size)
            try coder.fixed("pcrSelect", &map, count: Int(size))
        }
    }
}

extension PCRConfiguration {
    /// What TPM 1.2 makes of the values in a quote: the digest of a TPM_PCR_COMPOSITE (Part 2, 5.4).
    fileprivate func composite() throws(TPMResult) -> Digest {
        let digests = ordered.compactMap { Digest($0.value) }
        return try PCRComposite(select: PCRSelection(indices: indices), pcrValue: digests).digest()
    }

    /// What TPM 2.0 makes of the values in a quote and in a policy: their SHA-256 in order.
    var digest: [UInt8] { SHA256.hash(ordered.flatMap { $0.value }) }
}
