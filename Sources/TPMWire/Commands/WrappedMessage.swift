import TPMCrypto

/// Where a command or an answer that a transport session carries has its DATAw: what the session encrypts, logs and
/// authorizes (Part 1, 18.1; Part 3, 24.2 descriptions 5 and 6).
///
/// It begins behind the handles, which the HMAC of the message itself leaves out too, and ends before the trailers. The
/// handles are never encrypted, so that the place is found in an encrypted message as in one in the clear.
public struct WrappedMessage: Sendable, Equatable {
    public let ordinal: Ordinal
    /// The place of DATAw in the message.
    public let data: Range<Int>
    /// The keys that stand ahead of DATAw.
    private var keyHandles: [KeyHandle] = []

    private static let headerSize = 10

    /// A whole command; nil when it is too short or has an ordinal that is not described. With a tag that is none of a
    /// command, on which the TPM will refuse it, it has no trailers.
    public init?(command bytes: [UInt8]) {
        guard let (tag, code) = Self.header(bytes) else { return nil }
        ordinal = Ordinal(rawValue: code)
        guard let command = CommandTable.command(for: ordinal) else { return nil }
        let trailers = tag.map { $0.isRequest ? $0.authCount : 0 } ?? 0
        let end = bytes.count - trailers * AuthRequest.byteCount
        guard end >= Self.headerSize else { return nil }
        var decoder = WireDecoder(collectingKeyHandlesOf: bytes[Self.headerSize..<end])
        do throws(TPMResult) { try command.walkRequestHandles(&decoder) } catch { return nil }
        data = end - decoder.remaining..<end
        // The session protocols use no key yet: the command that does is logged with it (description 6.f).
        if ![.osap, .dsap].contains(ordinal) { keyHandles = decoder.keyHandles ?? [] }
    }

    /// The answer to a wrapped command; nil when it is no answer to it. That of a failure has no DATAw.
    public init?(response bytes: [UInt8], to ordinal: Ordinal) {
        self.ordinal = ordinal
        guard let (tag, code) = Self.header(bytes), let tag, !tag.isRequest else { return nil }
        guard code == TPMResult.success.rawValue else {
            data = bytes.count..<bytes.count
            return
        }
        guard let command = CommandTable.command(for: ordinal) else { return nil }
        let end = bytes.count - tag.authCount * AuthResponse.byteCount
        guard end >= Self.headerSize else { return nil }
        var decoder = WireDecoder(bytes[Self.headerSize..<end])
        do throws(TPMResult) { try command.walkResponseHandles(&decoder) } catch { return nil }
        data = end - decoder.remaining..<end
    }

    /// The keys that the session's log has to name, by their handles in the command in the clear (Part 3, 24.2
    /// action 10 and description 6.a).
    public func loggedKeys(of command: [UInt8]) -> [KeyHandle] {
        switch ordinal {
        case .flushSpecific, .saveContext:
            // The handle is a key's when the resource is one.
            guard Self.number(command, at: data.lowerBound) == ResourceType.key.rawValue else { return [] }
            return Self.number(command, at: Self.headerSize).map { [KeyHandle(rawValue: $0)] } ?? []
        case .ownerReadInternalPub:
            // Its handle is part of DATAw, and the key is logged nevertheless.
            return Self.number(command, at: data.lowerBound).map { [KeyHandle(rawValue: $0)] } ?? []
        default:
            return keyHandles
        }
    }

    private static func header(_ bytes: [UInt8]) -> (tag: CommandTag?, code: UInt32)? {
        guard bytes.count >= headerSize, let code = number(bytes, at: 6) else { return nil }
        return (CommandTag(rawValue: UInt16(bytes[0]) << 8 | UInt16(bytes[1])), code)
    }

    private static func number(_ bytes: [UInt8], at offset: Int) -> UInt32? {
        guard offset >= 0, offset + 4 <= bytes.count else { return nil }
        return bytes[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }
}

extension Command {
    fileprivate static func walkRequestHandles(_ decoder: inout WireDecoder) throws(TPMResult) {
        var request = Request()
        try request.handles(&decoder)
    }

    fileprivate static func walkResponseHandles(_ decoder: inout WireDecoder) throws(TPMResult) {
        var response = Response()
        try response.handles(&decoder)
    }
}
