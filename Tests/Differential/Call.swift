import TPMClient
import TPMCrypto
import TPMWire

/// How a command is authorized: the session is opened for it, or was opened before.
enum Auth {
    case oiap(Secret)
    case osap(EntityKind, Both<UInt32>, Secret, scheme: ADIPScheme = .xor)
    case open(Both<Session>)

    static func osapKey(_ handle: Both<KeyHandle>, _ secret: Secret, scheme: ADIPScheme = .xor) -> Auth {
        .osap(.keyHandle, handle.map(\.rawValue), secret, scheme: scheme)
    }

    static func osapOwner(_ secret: Secret) -> Auth { .osap(.owner, Both(KeyHandle.owner.rawValue), secret) }

    var isOpen: Bool { if case .open = self { true } else { false } }
}

/// What a command is changed to before it is sent: the malformed forms of one that is right.
enum Form: Hashable, CustomStringConvertible {
    case plain
    /// Handles and operands cut to this size; the size in the header and the HMACs are right.
    case operands(Int)
    /// The whole command cut to this size, sessions included; the size in the header is right.
    case cut(Int)
    /// A byte more in the operands, HMACs and size right.
    case surplus
    /// A byte more after the end, size right.
    case overlong
    case tag(UInt16)
    /// The size in the header is off by this.
    case wrongSize(Int)
    /// A byte of handles and operands is changed by these bits, HMACs right.
    case flipped(Int, UInt8)
    /// The session's secret is another.
    case wrongSecret(Int)
    /// The session's handle is not one.
    case unknownSession(Int)
    /// The session has no bound entity where it should, or is bound where it need not.
    case otherProtocol(Int)
    /// The command as it is, in a state that may refuse it.
    case gate(String)

    /// Without its numbers, for tables of known differences.
    var kind: String { description.split(separator: " ").first.map(String.init) ?? "" }

    var description: String {
        switch self {
        case .plain: "plain"
        case .operands(let size): "operands cut to \(size)"
        case .cut(let size): "cut to \(size)"
        case .surplus: "surplus byte"
        case .overlong: "overlong"
        case .tag(let tag): "tag 0x\(String(tag, radix: 16))"
        case .wrongSize(let off): "wrongSize \(off)"
        case .flipped(let offset, let bits): "flipped \(offset) by 0x\(String(bits, radix: 16))"
        case .wrongSecret(let index): "wrongSecret \(index)"
        case .unknownSession(let index): "unknownSession \(index)"
        case .otherProtocol(let index): "otherProtocol \(index)"
        case .gate(let state): "gate \(state)"
        }
    }
}

/// Operands as bytes, so that a command can be sent that no description would write, with HMACs that are right.
struct RawOperands: Operands {
    var handleBytes: [UInt8] = []
    var bytes: [UInt8] = []

    init() {}

    init<O: Operands>(_ operands: O) throws(TPMResult) {
        var operands = operands
        var encoder = WireEncoder(reserving: 512)
        try operands.handles(&encoder)
        let count = encoder.bytes.count
        try operands.code(&encoder)
        handleBytes = Array(encoder.bytes[..<count])
        bytes = Array(encoder.bytes[count...])
    }

    var count: Int { handleBytes.count + bytes.count }

    mutating func handles<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.fixed("handles", &handleBytes, count: handleBytes.count)
    }

    mutating func code<C: FieldCoder>(_ coder: inout C) throws(TPMResult) {
        try coder.fixed("bytes", &bytes, count: bytes.count)
    }

    mutating func truncate(to count: Int) {
        bytes = Array(bytes.prefix(max(0, count - handleBytes.count)))
        handleBytes = Array(handleBytes.prefix(count))
    }

    mutating func flip(_ offset: Int, _ bits: UInt8) {
        if handleBytes.indices.contains(offset) {
            handleBytes[offset] ^= bits
        } else if bytes.indices.contains(offset - handleBytes.count) {
            bytes[offset - handleBytes.count] ^= bits
        }
    }
}

/// A command of which the operands are given as bytes.
enum Raw<C: Command>: Command {
    static var ordinal: Ordinal { C.ordinal }
    typealias Request = RawOperands
    typealias Response = C.Response
}

/// A command, how it is authorized, and its operands on each side.
struct Call<C: Command> {
    let auth: [Auth]
    let continues: Bool
    let request: (Side, [Session]) throws -> C.Request
}
