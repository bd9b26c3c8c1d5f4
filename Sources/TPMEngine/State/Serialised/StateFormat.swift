import TPMCrypto
import TPMWire

/// The parts of a TPM's state that are written as bytes, each in a frame: 8 bytes of magic, the format's version and
/// the size of the payload, 4 bytes each and big endian, the payload, and SHA-1 over all of that.
///
/// The check finds damage. It holds no key, so it does not find an attacker: whoever can write the bytes owns the TPM.
public enum StateFormat: String, CaseIterable, Sendable, CustomStringConvertible {
    /// What outlives power; the file on disk, in which what TPM_SaveState kept stands as well.
    case permanent
    /// What the loss of power takes, of a TPM that runs.
    case volatile
    /// What TPM_SaveState kept, by itself.
    case saved

    /// The version that is written; every one from 1 on is read.
    var version: UInt32 {
        switch self {
        case .permanent: 3
        case .volatile, .saved: 1
        }
    }

    private var magic: [UInt8] {
        switch self {
        case .permanent: Array("vTPM 1.2".utf8)
        case .volatile: Array("vTPM run".utf8)
        case .saved: Array("vTPM sav".utf8)
        }
    }

    private static let headerSize = 16

    public var description: String { rawValue }

    func frame(_ payload: Secret) throws(StateFormatError) -> Secret {
        guard let size = UInt32(exactly: payload.count) else { throw .unwritable }
        let header = magic + Self.bytes(version) + Self.bytes(size)
        let digest = SHA1.hash(header, payload)
        return Secret(count: Self.headerSize + payload.count + Digest.byteCount) { target in
            target.copyBytes(from: header)
            payload.withUnsafeBytes {
                UnsafeMutableRawBufferPointer(rebasing: target[Self.headerSize...]).copyMemory(from: $0)
            }
            digest.withUnsafeBytes {
                UnsafeMutableRawBufferPointer(rebasing: target[(Self.headerSize + payload.count)...])
                    .copyMemory(from: $0)
            }
        }
    }

    /// The payload and the version that it was written in.
    func unframe(_ state: [UInt8]) throws(StateFormatError) -> (version: UInt32, payload: ArraySlice<UInt8>) {
        guard let found = Self.allCases.first(where: { state.starts(with: $0.magic) }) else { throw .foreign }
        guard found == self else { throw .otherFormat(found, needed: self) }
        guard state.count >= Self.headerSize + Digest.byteCount else { throw .damaged }
        let version = Self.number(state[8..<12])
        let end = state.count - Digest.byteCount
        guard Digest(state[end...]) == SHA1.hash(state[..<end]) else { throw .damaged }
        guard version <= self.version else { throw .newer(version: version) }
        guard version >= 1, Int(Self.number(state[12..<16])) == end - Self.headerSize else { throw .damaged }
        return (version, state[Self.headerSize..<end])
    }

    /// Throws unless the bytes are whole, of this part, and of a version that is read.
    public func check(_ bytes: [UInt8]) throws(StateFormatError) { _ = try unframe(bytes) }

    private static func bytes(_ value: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.reduce(0) { $0 << 8 | UInt32($1) }
    }
}

/// What stands in a frame, field by field.
///
/// A field that a later version adds stands at the end, behind `if version >= N`, and keeps its default when an
/// earlier state is read. No field is ever moved or taken away.
protocol StatePayload: WireStructure {
    static var format: StateFormat { get }
    /// The version of the format in which the fields are walked.
    var version: UInt32 { get set }
    /// More than the encoding takes, in bytes.
    var capacity: Int { get }
}

extension StatePayload {
    func serialised() throws(StateFormatError) -> Secret {
        let payload = try StateFormatError.unwritable.unless { () throws(TPMResult) in
            try encodedSecret(reserving: capacity)
        }
        return try Self.format.frame(payload)
    }

    init(serialised bytes: [UInt8]) throws(StateFormatError) {
        let (version, payload) = try Self.format.unframe(bytes)
        self.init()
        self.version = version
        do throws(TPMResult) {
            var decoder = WireDecoder(payload)
            try code(&decoder)
            try decoder.finish()
        } catch {
            throw .damaged
        }
    }
}
