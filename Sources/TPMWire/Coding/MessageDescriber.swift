import TPMCrypto

/// Names every field of a whole command or response, from its bytes, for traces and scripts.
///
/// Header, operands and authorization trailers come in wire order. Bytes that do not decode are one field in
/// hexadecimal with the reason after it, or in angle brackets alone when secrets may be among them; nothing fails.
public enum MessageDescriber {
    /// The fields of a command. Its tag tells the number of trailers (Part 2, 6).
    public static func command(_ bytes: [UInt8], showsSecrets: Bool = false) -> [WireDescriber.Field] {
        var message = Message(bytes, showsSecrets: showsSecrets)
        guard let tag = message.tag(isRequest: true), message.size(), let ordinal = message.ordinal() else {
            return message.fields
        }
        let command = CommandTable.command(for: ordinal)
        message.body(
            command.map { $0.emptyRequest }, unknown: "ordinal not described", trailers: tag.authCount,
            AuthRequest.self, count: AuthRequest.byteCount)
        return message.fields
    }

    /// The fields of the response to an ordinal, nil when it is not known. A response that is not a success ends
    /// after its return code.
    public static func response(
        _ bytes: [UInt8], to ordinal: Ordinal?, showsSecrets: Bool = false
    ) -> [WireDescriber.Field] {
        var message = Message(bytes, showsSecrets: showsSecrets)
        guard let tag = message.tag(isRequest: false), message.size(), let code = message.returnCode() else {
            return message.fields
        }
        guard code == .success else {
            message.leftOver("no operand follows a failure")
            return message.fields
        }
        let command = ordinal.flatMap { CommandTable.command(for: $0) }
        message.body(
            command.map { $0.emptyResponse }, unknown: "ordinal not described", trailers: tag.authCount,
            AuthResponse.self, count: AuthResponse.byteCount)
        return message.fields
    }
}

extension Command {
    fileprivate static var emptyRequest: any Operands { Request() }
    fileprivate static var emptyResponse: any Operands { Response() }
}

/// A message that is taken apart from the front, and the fields found so far.
private struct Message {
    private var rest: ArraySlice<UInt8>
    private let total: Int
    private var describer: WireDescriber
    private let showsSecrets: Bool

    init(_ bytes: [UInt8], showsSecrets: Bool) {
        rest = bytes[...]
        total = bytes.count
        self.showsSecrets = showsSecrets
        describer = WireDescriber(showsSecrets: showsSecrets)
    }

    var fields: [WireDescriber.Field] { describer.fields }

    /// Whatever has not been named, if there is anything.
    mutating func leftOver(_ reason: String) {
        guard !rest.isEmpty else { return }
        add("bytes", rest, reason)
        rest = []
    }

    private mutating func add(_ name: StaticString, _ bytes: ArraySlice<UInt8>, _ reason: String) {
        describer.add(name, (bytes.isEmpty ? "" : WireDescriber.hex(Array(bytes)) + " ") + "(\(reason))")
    }

    // MARK: - The header

    private mutating func number(bytes count: Int) -> UInt32? {
        guard rest.count >= count else {
            leftOver("the header is cut short")
            return nil
        }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count).reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// Nil for a tag that does not begin such a message.
    mutating func tag(isRequest: Bool) -> CommandTag? {
        guard let number = number(bytes: 2) else { return nil }
        var raw = UInt16(truncatingIfNeeded: number)
        describer.uint16("tag", &raw)
        guard let tag = CommandTag(rawValue: raw), tag.isRequest == isRequest else {
            leftOver("the tag begins no \(isRequest ? "command" : "response")")
            return nil
        }
        describer.meaning(WireName.of(tag))
        return tag
    }

    /// A size that is not that of the message is told, and the message described all the same.
    mutating func size() -> Bool {
        guard var number = number(bytes: 4) else { return false }
        describer.uint32("paramSize", &number)
        describer.meaning(number == UInt32(clamping: total) ? nil : "(\(total) bytes came)")
        return true
    }

    mutating func ordinal() -> Ordinal? {
        guard var number = number(bytes: 4) else { return nil }
        describer.uint32("ordinal", &number)
        let ordinal = Ordinal(rawValue: number)
        describer.meaning(ordinal.wireName)
        return ordinal
    }

    mutating func returnCode() -> TPMResult? {
        guard var number = number(bytes: 4) else { return nil }
        describer.uint32("returnCode", &number)
        let code = TPMResult(rawValue: number)
        describer.meaning(code.name)
        return code
    }

    // MARK: - Operands and trailers

    /// The operands, as `empty` describes them, and the trailers that stand at the end.
    mutating func body<T: WireStructure>(
        _ empty: (any Operands)?, unknown: String, trailers: Int, _ type: T.Type, count: Int
    ) {
        guard rest.count >= trailers * count else {
            return leftOver("too short for \(trailers) authorization trailers")
        }
        let tail = rest.suffix(trailers * count)
        rest = rest.dropLast(trailers * count)
        if let empty { operands(empty) } else { leftOver(unknown) }
        for index in 0..<trailers {
            trailer(T(), index == 0 ? "auth1" : "auth2", tail.dropFirst(index * count).prefix(count))
        }
    }

    private mutating func operands<T: Operands>(_ empty: T) {
        do throws(TPMResult) {
            var value = empty
            var decoder = WireDecoder(rest)
            try value.handles(&decoder)
            try value.code(&decoder)
            try decoder.finish()
            var named = describer
            try value.handles(&named)
            try value.code(&named)
            describer = named
        } catch {
            if !showsSecrets, Self.holdsSecrets(empty) {
                describer.add("bytes", "<\(rest.count) bytes, perhaps secret> (\(error))")
            } else {
                add("bytes", rest, "\(error)")
            }
        }
        rest = []
    }

    private mutating func trailer<T: WireStructure>(_ empty: T, _ name: StaticString, _ bytes: ArraySlice<UInt8>) {
        do throws(TPMResult) {
            var value = empty
            var decoder = WireDecoder(bytes)
            try value.code(&decoder)
            try decoder.finish()
            var named = describer
            try named.structure(name, &value)
            describer = named
        } catch {
            add(name, bytes, "\(error)")
        }
    }

    /// True when the description has a secret field.
    private static func holdsSecrets<T: Operands>(_ empty: T) -> Bool {
        var value = empty
        var describer = WireDescriber()
        do throws(TPMResult) {
            try value.handles(&describer)
            try value.code(&describer)
            return describer.metSecret
        } catch { return true }
    }
}
