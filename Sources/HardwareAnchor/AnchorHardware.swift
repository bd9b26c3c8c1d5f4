import TPMCrypto

/// What a TPM says that it is.
public struct AnchorHardware: Sendable, Hashable, CustomStringConvertible {
    public enum Kind: String, Sendable, Hashable, CaseIterable, CustomStringConvertible {
        /// An engine of this program with its state in a file.
        case software
        case tpm12
        case tpm20

        public var description: String {
            switch self {
            case .software: "software TPM"
            case .tpm12: "TPM 1.2"
            case .tpm20: "TPM 2.0"
            }
        }
    }

    public let kind: Kind
    /// A few letters, as the TPM gives them.
    public let manufacturer: String
    /// Of the TPM's firmware.
    public let version: String

    init(kind: Kind, manufacturer: [UInt8], version: String) {
        self.kind = kind
        self.manufacturer = Self.text(manufacturer)
        self.version = version
    }

    public var description: String {
        let text = "\(kind) of \(manufacturer.isEmpty ? "an unnamed manufacturer" : manufacturer), version \(version)"
        guard kind == .software else { return text }
        return text + "; it protects nothing from whoever reads this machine's disk"
    }

    /// The TPM chooses these bytes; only letters, digits and signs get any further.
    private static func text(_ bytes: [UInt8]) -> String {
        let letters = bytes.prefix(32).map { (0x20...0x7e).contains($0) ? Character(Unicode.Scalar($0)) : " " }
        return String(letters).split(separator: " ").joined(separator: " ")
    }
}

/// Which hardware, and which of its keys: the SHA-256 of the DER of the key that signs its quotes.
public struct AnchorIdentity: Sendable, Hashable, CustomStringConvertible {
    /// 32 bytes.
    public let bytes: [UInt8]

    /// Nil unless there are 32 bytes.
    public init?(_ bytes: [UInt8]) {
        guard bytes.count == SHA256.byteCount else { return nil }
        self.bytes = bytes
    }

    /// Of the key with this DER.
    public init(ofQuotingKey subjectPublicKeyInfo: [UInt8]) { bytes = SHA256.hash(subjectPublicKeyInfo) }

    /// 64 hexadecimal digits.
    public var description: String { Hexadecimal.encode(bytes) }
}

/// Four bytes that tell the anchors of several managers on one TPM apart.
public struct AnchorLabel: Sendable, Hashable, CustomStringConvertible {
    public let bytes: [UInt8]

    /// Nil unless there are 4 bytes.
    public init?(_ bytes: [UInt8]) {
        guard bytes.count == 4 else { return nil }
        self.bytes = bytes
    }

    /// Of a text of 4 ASCII characters.
    public init?(_ text: String) { self.init(Array(text.utf8)) }

    /// "vTPM".
    public static let usual = AnchorLabel(fixed: "vTPM")

    private init(fixed text: StaticString) { bytes = text.withUTF8Buffer { Array($0) } }

    public var description: String {
        let isText = bytes.allSatisfy { (0x21...0x7e).contains($0) }
        return isText ? String(decoding: bytes, as: UTF8.self) : "0x" + Hexadecimal.encode(bytes)
    }

    /// 16 bits by which the anchor's places in the TPM are found again.
    var place: UInt32 { SHA256.hash(bytes).prefix(2).reduce(0) { $0 << 8 | UInt32($1) } }
}

/// Eight digits and a sign that it is hexadecimal, as the tools of a TPM write a handle or an NV index.
func hexadecimal(_ number: UInt32) -> String {
    "0x" + Hexadecimal.encode(number.bigEndianBytes)
}
