import TPMClient
import TPMCrypto
import TPMEngine
import TPMWire

extension Recording: CustomStringConvertible {
    public var description: String { text }

    /// The recording as a text of short lines. What begins with a space explains the bytes above it, secrets too, and
    /// is not read back; `#` begins a remark of a person's.
    ///
    ///     TPM session 1
    ///     seed "sealing"
    ///     start owned
    ///
    ///     clock 5.000000
    ///     command TPM_PcrRead
    ///     > 00c10000000e0000001500000000
    ///       tag: 0x00c1 rquCommand
    ///       …
    ///     answer TPM_SUCCESS
    ///     < 00c40000001e000000000000000000000000000000000000000000000000
    ///       …
    ///     end
    public var text: String {
        var lines = ["TPM session \(RecordingFormat.version)"]
        if let origin { lines += RecordingFormat.lines(of: origin) }
        for event in events { lines += [""] + RecordingFormat.lines(of: event) }
        return (lines + ["", "end", ""]).joined(separator: "\n")
    }
}

/// The words of a recording's text.
enum RecordingFormat {
    static let version = 1

    static func lines(of origin: Recording.Origin) -> [String] {
        let usual = KnownSecrets()
        let secrets = KnownSecrets.names.compactMap { name -> String? in
            guard let secret = origin.secrets[name], secret != usual[name] else { return nil }
            return "secret \(name) \(Hexadecimal.encode(secret.bytes))"
        }
        return ["seed \(quoted(origin.seed))", "start \(origin.start)"] + secrets
    }

    static func lines(of event: Recording.Event) -> [String] {
        switch event {
        case .clock(let microseconds): ["clock \(seconds(microseconds))"]
        case .command(let exchange): lines(of: exchange)
        case .powerOff: ["power off"]
        case .powerOn: ["power on"]
        case .presence(let isOn): ["presence \(isOn ? "on" : "off")"]
        case .store(let fault): ["store \(words(of: fault))"]
        case .random(nil): ["random works"]
        case .random(.repeats): ["random repeats"]
        case .random(.fails): ["random fails"]
        }
    }

    private static func words(of fault: StoreFault?) -> String {
        switch fault {
        case nil: "works"
        case .powerLostBefore(let write): "loses the power before write \(write)"
        case .powerLostAfter(let write): "loses the power after write \(write)"
        case .failing(let times, let result): "fails \(times) with 0x\(String(result.rawValue, radix: 16))"
        }
    }

    // MARK: Commands

    private static func lines(of exchange: Recording.Exchange) -> [String] {
        let ordinal = Message.ordinal(of: exchange.command)
        let place = exchange.locality == .zero ? "" : " at locality \(exchange.locality.rawValue)"
        let sent =
            ["command \(Message.name(of: ordinal))\(place)"] + hex(exchange.command, ">")
            + lines(of: MessageDescriber.command(exchange.command, showsSecrets: true))
        guard let answer = exchange.answer else { return sent + ["answer none"] }
        return sent + ["answer \(Message.resultName(of: answer))"] + hex(answer, "<")
            + lines(of: MessageDescriber.response(answer, to: ordinal, showsSecrets: true))
    }

    private static let bytesPerLine = 32

    private static func hex(_ bytes: [UInt8], _ sign: String) -> [String] {
        guard !bytes.isEmpty else { return [sign] }
        return stride(from: 0, to: bytes.count, by: bytesPerLine).map { start in
            "\(sign) \(Hexadecimal.encode(bytes[start..<min(start + bytesPerLine, bytes.count)]))"
        }
    }

    private static func lines(of fields: [WireDescriber.Field]) -> [String] {
        fields.map { field in
            let indent = String(repeating: "  ", count: field.depth + 1)
            return "\(indent)\(field.name):\(field.value.isEmpty ? "" : " ")\(Message.shortened(field.value))"
        }
    }

    // MARK: Values

    private static func seconds(_ microseconds: UInt64) -> String {
        let fraction = String(microseconds % 1_000_000)
        return "\(microseconds / 1_000_000)." + String(repeating: "0", count: 6 - fraction.count) + fraction
    }

    /// The text on one line between quotation marks.
    static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\\(scalar)"
            case _ where scalar.value < 0x20 || scalar.properties.isWhitespace && scalar != " ":
                quoted += "\\u{\(String(scalar.value, radix: 16))}"
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
