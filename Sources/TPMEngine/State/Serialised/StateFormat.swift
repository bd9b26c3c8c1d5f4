import TPMCrypto
import TPMWire

/// Why bytes are no state of a TPM.
public enum StateFormatError: Error, Equatable, CustomStringConvertible {
    /// They do not begin as a state does.
    case foreign
    /// They were cut short, changed, or hold what no TPM can be in.
    case damaged
    /// They were written by a newer version of the program.
    case newer(version: UInt32)
    /// The state cannot be written; it never happens to one that a TPM can be in.
    case unwritable

    public var description: String {
        switch self {
        case .foreign: "is not the state of a TPM of this program"
        case .damaged: "is damaged: its integrity check fails"
        case .newer(let version):
            "has the state format \(version), which is newer than the newest that this program reads, "
                + "\(StateFormat.version)"
        case .unwritable: "cannot be written as bytes"
        }
    }
}

/// The frame around a serialised state: 8 bytes of magic, the format's version and the size of the payload, 4 bytes
/// each and big endian, the payload, and SHA-1 over all of that.
///
/// The check finds damage. It holds no key, so it does not find an attacker: whoever can write the file owns the TPM.
enum StateFormat {
    /// The version that is written; every one from 1 on is read.
    static let version: UInt32 = 3
    private static let magic = Array("vTPM 1.2".utf8)
    private static let headerSize = 16

    static func frame(_ payload: Secret) throws(StateFormatError) -> Secret {
        guard let size = UInt32(exactly: payload.count) else { throw .unwritable }
        let header = magic + bytes(version) + bytes(size)
        let digest = SHA1.hash(header, payload)
        return Secret(count: headerSize + payload.count + Digest.byteCount) { target in
            target.copyBytes(from: header)
            payload.withUnsafeBytes {
                UnsafeMutableRawBufferPointer(rebasing: target[headerSize...]).copyMemory(from: $0)
            }
            digest.withUnsafeBytes {
                UnsafeMutableRawBufferPointer(rebasing: target[(headerSize + payload.count)...]).copyMemory(from: $0)
            }
        }
    }

    /// The payload and the version that it was written in.
    static func unframe(_ state: [UInt8]) throws(StateFormatError) -> (version: UInt32, payload: ArraySlice<UInt8>) {
        guard state.starts(with: magic) else { throw .foreign }
        guard state.count >= headerSize + Digest.byteCount else { throw .damaged }
        let version = number(state[8..<12])
        let end = state.count - Digest.byteCount
        guard Digest(state[end...]) == SHA1.hash(state[..<end]) else { throw .damaged }
        guard version <= Self.version else { throw .newer(version: version) }
        guard version >= 1, Int(number(state[12..<16])) == end - headerSize else { throw .damaged }
        return (version, state[headerSize..<end])
    }

    private static func bytes(_ value: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.reduce(0) { $0 << 8 | UInt32($1) }
    }
}

extension TPMState {
    /// Everything of the TPM that outlives power: TPM_PERMANENT_FLAGS and _DATA, the owner-evict keys, and what
    /// TPM_SaveState kept. It holds every secret of the TPM in the clear.
    public func serialised() throws(StateFormatError) -> Secret {
        let payload: Secret
        do throws(TPMResult) {
            let stored = try StoredState(self)
            payload = try stored.encodedSecret(reserving: stored.capacity)
        } catch {
            throw .unwritable
        }
        return try StateFormat.frame(payload)
    }

    /// The TPM as ``serialised()`` wrote it, without power: TPM_Init has to follow.
    ///
    /// The format of every earlier version loads; ``StateFormatError/newer(version:)`` refuses a later one.
    public init(serialised state: [UInt8]) throws(StateFormatError) {
        let (version, payload) = try StateFormat.unframe(state)
        do throws(TPMResult) {
            var decoder = WireDecoder(payload)
            var stored = StoredState()
            stored.version = version
            try stored.code(&decoder)
            try decoder.finish()
            self = try stored.state()
        } catch {
            throw .damaged
        }
    }
}
