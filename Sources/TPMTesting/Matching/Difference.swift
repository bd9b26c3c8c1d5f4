import TPMClient
import TPMEngine
import TPMWire

/// The first thing in which two messages, structures, states or recordings differ, in the specification's words, and
/// the names of what else does. It prints as a report of a failed test:
///
///     try Difference.betweenAnswers(expected, answer, to: .pcrRead).orThrow()     // XCTest, Swift Testing
///     #expect(Difference.between(before, tpm.snapshot()) == nil)                  // Swift Testing
public struct Difference: Error, Sendable, Equatable, CustomStringConvertible {
    /// Where it is, such as "the answer to TPM_PcrRead, outDigest".
    public let place: String
    public let expected: String
    public let found: String
    /// What else differs, by the names of the fields.
    public let others: [String]

    public var description: String {
        let rest = others.isEmpty ? "" : "\n  different, too: \(others.joined(separator: ", "))"
        return "\(place)\n  expected \(expected)\n  found    \(found)\(rest)"
    }

    init(_ place: String, expected: String, found: String, others: [String] = []) {
        self.place = place
        self.expected = expected
        self.found = found
        self.others = others
    }

    /// The same, found within something.
    func within(_ place: String) -> Difference {
        Difference("\(place), \(self.place)", expected: expected, found: found, others: others)
    }
}

extension Difference? {
    /// Throws the difference, if there is one.
    public func orThrow() throws(Difference) {
        if let self { throw self }
    }
}

// MARK: - What can be compared

extension Difference {
    /// Of two commands, as bytes.
    public static func betweenCommands(_ expected: [UInt8], _ found: [UInt8]) -> Difference? {
        between(
            Described(MessageDescriber.command(expected, showsSecrets: true), expected),
            Described(MessageDescriber.command(found, showsSecrets: true), found),
            place: Message.name(of: Message.ordinal(of: expected)))
    }

    /// Of two answers, as bytes.
    ///
    /// - Parameter ordinal: the command's; without it the operands are compared as bytes.
    public static func betweenAnswers(_ expected: [UInt8], _ found: [UInt8], to ordinal: Ordinal? = nil) -> Difference?
    {
        between(
            Described(MessageDescriber.response(expected, to: ordinal, showsSecrets: true), expected),
            Described(MessageDescriber.response(found, to: ordinal, showsSecrets: true), found),
            place: "the answer" + (ordinal.map { " to \($0.commandName)" } ?? ""))
    }

    /// Of two structures of Part 2, or the operands of a command.
    public static func between<T: WireStructure>(_ expected: T, _ found: T) -> Difference? {
        between(Described(expected), Described(found), place: "\(T.self)")
    }

    /// Of what two TPMs know, or one knew at two moments, secrets and sessions too.
    public static func between(_ expected: Snapshot, _ found: Snapshot) -> Difference? {
        guard let first = expected.memory.tpm, let second = found.memory.tpm else {
            let power = [expected, found].map { $0.memory.tpm == nil ? "off" : "on" }
            return power[0] == power[1] ? nil : Difference("the power", expected: power[0], found: power[1])
        }
        return between(Described(first), Described(second), place: "the TPM")
    }

    /// Of the return code of a TPM's command, which `body` calls through a client: nil when it is the one that is
    /// expected, TPM_SUCCESS when `body` throws nothing.
    public static func ofResult(_ expected: TPMResult, _ body: () throws -> some Any) -> Difference? {
        func difference(_ place: String, _ found: String) -> Difference {
            Difference(place, expected: expected.inWords, found: found)
        }
        do {
            _ = try body()
            return expected == .success ? nil : difference("the result", TPMResult.success.inWords)
        } catch ClientError.tpm(let result, let ordinal) {
            return result == expected ? nil : difference("the result of \(ordinal.commandName)", result.inWords)
        } catch {
            return difference("the result", "\(error)")
        }
    }
}

/// Throws the difference when `body` ends with another return code of the TPM than is expected.
///
///     try expectResult(.authFail) { try tpm.client.clear(owner: wrong) }
public func expectResult(_ expected: TPMResult, _ body: () throws -> some Any) throws(Difference) {
    try Difference.ofResult(expected, body).orThrow()
}

extension TPMResult {
    fileprivate var inWords: String { "\(self)" + (meaning.map { ": \($0)" } ?? "") }
}
