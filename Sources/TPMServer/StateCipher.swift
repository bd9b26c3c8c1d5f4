import TPMCrypto

/// Why a state cannot be encrypted or decrypted; it goes on after the name of the state.
public enum StateCipherError: Error, Equatable, CustomStringConvertible {
    case noKey
    case isPlain
    case otherMode(StateCipher.Mode)
    case otherKey
    case damaged
    case unknownVersion(UInt8)
    case libraryFailure(CryptoError)

    public var description: String {
        switch self {
        case .noKey: "is encrypted: give its key."
        case .isPlain: "is not encrypted, and a key was given: leave the key away, or begin with a new TPM."
        case .otherMode(let mode): "is encrypted with \(mode): give that mode and its key."
        case .otherKey: "is encrypted under another key."
        case .damaged: "is damaged, or was changed by somebody without the key: put a good copy in its place."
        case .unknownVersion(let version):
            "is encrypted in a way (version \(version)) that this version of vtpm does not know: use a newer one."
        case .libraryFailure(let error): "could not be encrypted or decrypted (\(error))."
        }
    }
}

/// Encrypts a state under an operator's key, for a disk or a network that others read: AES in CBC mode, then HMAC-SHA-256
/// over all of it.
///
/// | bytes | what |
/// |---|---|
/// | 8 | `vTPMseal` |
/// | 1 | the version, 1 |
/// | 1 | the mode, 1 for AES-128, 2 for AES-256 |
/// | 8 | the name of the key, which tells another key from damage |
/// | 16 | the initialisation vector, random |
/// | n · 16 | the encrypted state |
/// | 32 | the HMAC of all before |
///
/// The keys of AES and HMAC, and the name, are HMACs of three labels under the operator's key.
public struct StateCipher: Sendable {
    /// As swtpm's options name them.
    public enum Mode: UInt8, Sendable, CustomStringConvertible {
        case aes128CBC = 1
        case aes256CBC = 2

        /// Size in bytes of a key.
        public var keySize: Int { self == .aes128CBC ? 16 : 32 }

        public var description: String { self == .aes128CBC ? "aes-128-cbc" : "aes-256-cbc" }
    }

    public let mode: Mode
    private let encryptionKey: Secret
    private let authenticationKey: Secret
    private let keyName: [UInt8]
    private let random: any RandomSource

    private static let magic = Array("vTPMseal".utf8)
    private static let version: UInt8 = 1
    private static let nameSize = 8
    private static let headerSize = 8 + 1 + 1 + nameSize + AES.blockSize
    private static let codeSize = 32

    /// Throws when the key has not the size of the mode, or libcrypto fails.
    public init(_ mode: Mode, key: Secret, random: any RandomSource = SystemRandom()) throws(CryptoError) {
        guard key.count == mode.keySize else { throw CryptoError(what: "AES key size") }
        func derive(_ label: String) -> Secret {
            SHA256.deriveKey(from: key, Array("vtpm state \(mode) \(label)".utf8))
        }
        self.mode = mode
        encryptionKey = derive("encryption").withUnsafeBytes { bytes in
            Secret(UnsafeRawBufferPointer(rebasing: bytes.prefix(mode.keySize)))
        }
        authenticationKey = derive("authentication")
        keyName = Array(derive("name").bytes.prefix(Self.nameSize))
        self.random = random
    }

    /// True for what ``seal(_:)`` made, whole or damaged.
    public static func isSealed(_ bytes: [UInt8]) -> Bool { bytes.starts(with: magic) }

    /// Encrypts a state.
    public func seal(_ plain: Secret) throws(StateCipherError) -> Secret {
        do throws(CryptoError) {
            let iv = try random.bytes(count: AES.blockSize)
            let header = Self.magic + [Self.version, mode.rawValue] + keyName + iv
            let body = try AES.encryptCBC(key: encryptionKey, iv: iv, data: plain)
            return Secret(header + body + SHA256.authenticate(key: authenticationKey, header + body))
        } catch {
            throw .libraryFailure(error)
        }
    }

    /// Decrypts what ``seal(_:)`` made under the same key.
    public func open(_ bytes: [UInt8]) throws(StateCipherError) -> Secret {
        guard Self.isSealed(bytes) else { throw .isPlain }
        guard bytes.count >= Self.headerSize + AES.blockSize + Self.codeSize else { throw .damaged }
        let header = Array(bytes[..<Self.headerSize])
        let body = Array(bytes[Self.headerSize...].dropLast(Self.codeSize))
        let code = Secret(Array(bytes.suffix(Self.codeSize)))
        guard header[8] == Self.version else { throw .unknownVersion(header[8]) }
        guard let mode = Mode(rawValue: header[9]) else { throw .damaged }
        guard mode == self.mode else { throw .otherMode(mode) }
        guard Array(header[10..<10 + Self.nameSize]) == keyName else { throw .otherKey }
        guard Secret(SHA256.authenticate(key: authenticationKey, header + body)) == code else { throw .damaged }
        do throws(CryptoError) {
            return try AES.decryptCBC(key: encryptionKey, iv: Array(header.suffix(AES.blockSize)), data: body)
        } catch {
            throw .damaged
        }
    }

    /// A state as it is stored or comes from elsewhere, decrypted if there is a cipher; either is an error where the other
    /// is due.
    public static func open(_ bytes: [UInt8], with cipher: StateCipher?) throws(StateCipherError) -> Secret {
        if let cipher { return try cipher.open(bytes) }
        guard !isSealed(bytes) else { throw .noKey }
        return Secret(bytes)
    }
}
