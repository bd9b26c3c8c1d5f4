import TPMClient
import TPMCrypto
import TPMWire

/// The public half of a key that never leaves its TPM, with what a sender needs to know to encrypt to it. A sender needs
/// no TPM.
public struct ReceivingKey: Sendable, Equatable {
    /// How a secret is encrypted.
    public enum Scheme: UInt8, Sendable {
        /// RSA-OAEP with SHA-1, MGF1 of SHA-1 and the label "TCPA", around a TPM_BOUND_DATA: 01 01 00 00 02 before the
        /// secret (TPM 1.2 Part 3, 10.3).
        case bound = 1
        /// RSA-OAEP with SHA-256, MGF1 of SHA-256, and no label.
        case oaepSHA256 = 2
    }

    public private(set) var scheme = Scheme.oaepSHA256
    /// The DER of a SubjectPublicKeyInfo with an RSA key.
    public private(set) var subjectPublicKeyInfo: [UInt8] = []

    init(_ scheme: Scheme, _ key: RSAPublicKey) throws(CryptoError) {
        self.scheme = scheme
        subjectPublicKeyInfo = try key.subjectPublicKeyInfo()
    }

    /// - Throws: ``AnchorError/damaged(_:)``.
    public init(bytes: [UInt8]) throws(AnchorError) { self = try AnchorFrame.receivingKey.unwrap(Secret(bytes)) }

    /// To be sent to whoever is to encrypt; nothing shows whose key it is, so the way must be trusted.
    public func bytes() throws(AnchorError) -> [UInt8] { try AnchorFrame.receivingKey.wrap(self).bytes }

    /// Encrypts ``AnchorLimit/receivedBytes`` for ``HardwareAnchor/receive(_:)``.
    public func encrypt(_ secret: Secret) throws(AnchorError) -> [UInt8] {
        guard AnchorLimit.receivedBytes.contains(secret.count) else {
            throw .unfit("A secret of \(secret.count) bytes cannot be encrypted: send a key of 1 to 190 bytes.")
        }
        do {
            let key = try RSAPublicKey(subjectPublicKeyInfo: subjectPublicKeyInfo)
            switch scheme {
            case .bound: return try key.bind(secret)
            case .oaepSHA256: return try key.encryptOAEPWithSHA256(secret)
            }
        } catch {
            throw .damaged("The receiving key cannot encrypt: \(error).")
        }
    }
}

extension ReceivingKey: WireStructure {
    public init() {}

    public mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.value("scheme", &scheme, else: .invalidStructure)
        try coder.sized("subjectPublicKeyInfo", .u16("size"), &subjectPublicKeyInfo)
    }
}
