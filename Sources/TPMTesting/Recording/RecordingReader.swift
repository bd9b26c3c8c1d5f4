import TPMCrypto
import TPMEngine
import TPMWire

/// What is wrong with the text of a recording, and in which line of it, from 1 on.
public struct RecordingError: Error, Sendable, Equatable, CustomStringConvertible {
    public let line: Int
    public let reason: String

    public var description: String { "line \(line): \(reason)" }
}

extension Recording {
    /// Reads what ``text`` wrote.
    public init(text: String) throws(RecordingError) {
        var reader = RecordingReader()
        var number = 0
        for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
            number += 1
            do throws(Unreadable) { try reader.read(line) } catch {
                throw RecordingError(line: number, reason: error.reason)
            }
        }
        guard reader.isOver else {
            throw RecordingError(line: number, reason: "The recording is cut short: its last line is \"end\".")
        }
        self = reader.recording
    }
}

/// Why a line is none of a recording.
private struct Unreadable: Error {
    let reason: String
}

/// Takes the lines of a recording one after another.
private struct RecordingReader {
    private(set) var recording = Recording()
    private(set) var isOver = false
    private var hasBegun = false
    private var seed: String?
    /// What a line with bytes goes on.
    private var open = Open.nothing

    private enum Open {
        case nothing, command, answer
    }

    mutating func read(_ line: Substring) throws(Unreadable) {
        guard let first = line.first, first != " ", first != "#" else { return }
        guard !isOver else { throw Unreadable(reason: "Nothing may follow \"end\".") }
        let (word, rest) = Self.split(line)
        guard hasBegun else {
            guard word == "TPM", rest == "session \(RecordingFormat.version)" else {
                throw Unreadable(reason: "A recording begins with \"TPM session \(RecordingFormat.version)\".")
            }
            hasBegun = true
            return
        }
        switch word {
        case ">": try append(rest, to: .command)
        case "<": try append(rest, to: .answer)
        case "answer": try answer(rest)
        default:
            guard open != .command else {
                throw Unreadable(reason: "A command is followed by its bytes (>) and by \"answer\".")
            }
            open = .nothing
            try begin(word, rest)
        }
    }

    private static func split(_ line: Substring) -> (word: Substring, rest: Substring) {
        let space = line.firstIndex(of: " ") ?? line.endIndex
        return (line[..<space], line[space...].dropFirst())
    }

    private mutating func begin(_ word: Substring, _ rest: Substring) throws(Unreadable) {
        switch word {
        case "seed": seed = try Self.unquoted(rest)
        case "start":
            guard let start = Start(String(rest)) else { throw Unreadable(reason: "\"\(rest)\" is no way to start.") }
            recording.origin = Recording.Origin(start: start, seed: seed ?? "")
        case "secret": try secret(rest)
        case "clock": recording.events.append(.clock(try Self.microseconds(rest)))
        case "command": try command(rest)
        case "power" where rest == "off": recording.events.append(.powerOff)
        case "power" where rest == "on": recording.events.append(.powerOn)
        case "presence" where rest == "on": recording.events.append(.presence(true))
        case "presence" where rest == "off": recording.events.append(.presence(false))
        case "store": recording.events.append(.store(try Self.storeFault(rest)))
        case "random" where rest == "works": recording.events.append(.random(nil))
        case "random" where rest == "repeats": recording.events.append(.random(.repeats))
        case "random" where rest == "fails": recording.events.append(.random(.fails))
        case "end" where rest.isEmpty: isOver = true
        default: throw Unreadable(reason: "\"\(word) \(rest)\" means nothing in a recording.")
        }
    }

    private mutating func secret(_ rest: Substring) throws(Unreadable) {
        let (name, digits) = Self.split(rest)
        guard let bytes = Hexadecimal.decode(digits), bytes.count == Digest.byteCount,
            recording.origin?.secrets[String(name)] != nil
        else {
            throw Unreadable(
                reason: "A secret follows \"start\", and has a name (\(KnownSecrets.names.joined(separator: ", "))) "
                    + "and 40 hexadecimal digits.")
        }
        recording.origin?.secrets[String(name)] = Secret(bytes)
    }

    // MARK: Commands

    private mutating func command(_ rest: Substring) throws(Unreadable) {
        var locality = Locality.zero
        if let place = rest.firstRange(of: " at locality ") {
            guard let number = UInt8(rest[place.upperBound...]), let named = Locality(rawValue: number) else {
                throw Unreadable(reason: "A locality is a number from 0 to 4.")
            }
            locality = named
        }
        recording.events.append(.command(.init(command: [], answer: nil, locality: locality)))
        open = .command
    }

    private mutating func answer(_ rest: Substring) throws(Unreadable) {
        guard open == .command else { throw Unreadable(reason: "Each answer follows a command.") }
        open = .answer
        if rest == "none" { open = .nothing } else { change { $0.answer = [] } }
    }

    private mutating func append(_ digits: Substring, to part: Open) throws(Unreadable) {
        guard open == part else {
            throw Unreadable(reason: "Bytes follow a command (>) or its answer (<), and nothing else.")
        }
        guard let bytes = Hexadecimal.decode(digits) else {
            throw Unreadable(reason: "These are no bytes: they are hexadecimal digits in pairs, without spaces.")
        }
        change { exchange in
            if part == .command { exchange.command += bytes } else { exchange.answer?.append(contentsOf: bytes) }
        }
    }

    /// Changes the command that was read last.
    private mutating func change(_ body: (inout Recording.Exchange) -> Void) {
        guard case .command(var exchange)? = recording.events.popLast() else { return }
        body(&exchange)
        recording.events.append(.command(exchange))
    }

    // MARK: Values

    /// Seconds with six digits after the point.
    private static func microseconds(_ text: Substring) throws(Unreadable) -> UInt64 {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[1].utf8.count == 6, let microseconds = UInt64(parts[0] + parts[1]) else {
            throw Unreadable(reason: "A time is in seconds with six digits after the point.")
        }
        return microseconds
    }

    private static func storeFault(_ text: Substring) throws(Unreadable) -> StoreFault? {
        let words = text.split(separator: " ")
        switch words.first {
        case "works" where words.count == 1: return nil
        case "loses" where words.count == 6 && words[1...2] == ["the", "power"] && words[4] == "write":
            guard let write = Int(words[5]) else { break }
            if words[3] == "before" { return .powerLostBefore(write: write) }
            if words[3] == "after" { return .powerLostAfter(write: write) }
        case "fails" where words.count == 4 && words[2] == "with" && words[3].hasPrefix("0x"):
            guard let times = Int(words[1]), let code = UInt32(words[3].dropFirst(2), radix: 16) else { break }
            return .failing(times: times, TPMResult(rawValue: code))
        default: break
        }
        throw Unreadable(
            reason: "A store \"works\", \"loses the power before (or after) write 1\" or \"fails 1 with 0x9\".")
    }

    /// What stands between quotation marks.
    private static func unquoted(_ text: Substring) throws(Unreadable) -> String {
        guard text.count >= 2, text.first == "\"", text.last == "\"" else {
            throw Unreadable(reason: "A seed stands between quotation marks.")
        }
        var plain = String.UnicodeScalarView()
        var rest = text.dropFirst().dropLast().unicodeScalars
        while let scalar = rest.popFirst() {
            guard scalar == "\\" else {
                plain.append(scalar)
                continue
            }
            guard let escaped = rest.popFirst() else { throw Unreadable(reason: "A seed does not end with \\.") }
            guard escaped == "u" else {
                plain.append(escaped)
                continue
            }
            let digits = String(rest.prefix { $0 != "}" }.dropFirst())
            guard rest.first == "{", let value = UInt32(digits, radix: 16), let named = Unicode.Scalar(value) else {
                throw Unreadable(reason: "A character by its number is written \\u{a}.")
            }
            plain.append(named)
            rest = rest.drop { $0 != "}" }.dropFirst()
        }
        return String(plain)
    }
}
