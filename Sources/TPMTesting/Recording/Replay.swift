import TPMClient
import TPMWire

extension Recording {
    /// Does everything once more with a new TPM from the same start; nil when each answer is, byte for byte, what it
    /// was.
    ///
    /// - Throws: ``TestTPMError`` for a recording of a TPM that was no ``TestTPM``.
    public func replay() throws -> Difference? {
        guard let origin else {
            throw TestTPMError(
                description: "The recording does not say how its TPM began: replay it on a TPM of your own.")
        }
        return replay(on: try TestTPM(origin.start, seed: origin.seed, secrets: origin.secrets))
    }

    /// Does everything once more with a TPM that is as the one of then was; stops at the first answer that differs.
    public func replay(on tpm: TestTPM) -> Difference? {
        for (number, event) in zip(1..., events) {
            guard case .command(let exchange) = event else {
                tpm.perform(event)
                continue
            }
            let found = Exchange(
                command: exchange.command, answer: tpm.perform(event), locality: exchange.locality)
            if let difference = exchange.difference(from: found) { return difference.within("event \(number)") }
        }
        return nil
    }
}

extension Recording.Exchange {
    /// How another differs from this one.
    func difference(from other: Recording.Exchange) -> Difference? {
        if let difference = Difference.betweenCommands(command, other.command) { return difference }
        let ordinal = Message.ordinal(of: command)
        let name = Message.name(of: ordinal)
        guard locality == other.locality else {
            return Difference(
                "\(name), the locality", expected: "\(locality.rawValue)", found: "\(other.locality.rawValue)")
        }
        guard let answer, let otherAnswer = other.answer else {
            let words = [answer, other.answer].map { $0.map(Message.resultName) ?? "none" }
            return words[0] == words[1] ? nil : Difference("the answer to \(name)", expected: words[0], found: words[1])
        }
        return Difference.betweenAnswers(answer, otherAnswer, to: ordinal)
    }
}

extension Difference {
    /// Of two recordings: the first event that differs.
    public static func between(_ expected: Recording, _ found: Recording) -> Difference? {
        if expected.origin != found.origin {
            let words = [expected, found].map { recording in
                recording.origin.map { RecordingFormat.lines(of: $0).joined(separator: ", ") } ?? "unknown"
            }
            return Difference("how the TPM began", expected: words[0], found: words[1])
        }
        for (number, (first, second)) in zip(1..., zip(expected.events, found.events)) where first != second {
            if case (.command(let one), .command(let other)) = (first, second) {
                return one.difference(from: other)?.within("event \(number)")
            }
            return Difference("event \(number)", expected: first.summary, found: second.summary)
        }
        let (count, others) = (expected.events.count, found.events.count)
        guard count != others else { return nil }
        return Difference(
            "event \(min(count, others) + 1)",
            expected: count > others ? expected.events[others].summary : "the end",
            found: count > others ? "the end" : found.events[count].summary)
    }
}

extension Recording.Event {
    /// The event in a line.
    fileprivate var summary: String { RecordingFormat.lines(of: self).first ?? "" }
}
