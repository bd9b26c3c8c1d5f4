import TPMClient
import TPMCrypto
import TPMWire

/// One command that was sent to both.
struct Step {
    let ordinal: Ordinal
    let form: Form
    let sessions: Int
    /// The right operands of each side, before the form changed them.
    var operands: Both<RawOperands>
    /// Of a TPM_FlushSpecific, the command whose session it ends.
    var after: Ordinal?
    var isNVLocked = true

    init(ordinal: Ordinal, form: Form, sessions: Int, operands: Both<RawOperands>, after: Ordinal? = nil) {
        self.ordinal = ordinal
        self.form = form
        self.sessions = sessions
        self.operands = operands
        self.after = after
    }

    /// Our operands as the form left them.
    var sentOperands: RawOperands {
        var operands = operands.vtpm
        form.change(&operands)
        return operands
    }
}

/// Counts the steps, and keeps the differences that nothing explains.
final class Report {
    /// Commands sent to our engine; swtpm got as many.
    var commands = 0
    /// What is running.
    var flow = ""
    /// True once a command succeeded on one side alone: what follows is no longer comparable.
    var hasDiverged = false
    private let isVerbose: Bool
    private let known = KnownDifference.all
    private(set) var passed = 0
    private(set) var failed = 0
    private var explained = [Int](repeating: 0, count: KnownDifference.all.count)
    private var groups: [String: (count: Int, example: String)] = [:]
    private var order: [String] = []

    init(isVerbose: Bool) { self.isVerbose = isVerbose }

    func begin(_ flow: String) {
        self.flow = flow
        if isVerbose { print("-- \(flow)") }
    }

    func sweeping(_ ordinal: Ordinal) {
        if isVerbose { print("   malformed forms of \(ordinal)") }
    }

    func check(_ what: String, _ isTrue: Bool) {
        if isTrue { passed += 1 } else { fail("\(flow): \(what)", "it does not hold") }
    }

    func record(_ step: Step, _ outcomes: Both<Outcome>) {
        if isVerbose { print("   \(step.name) \(step.form): \(outcomes.vtpm)") }
        guard outcomes.vtpm != outcomes.swtpm else {
            passed += 1
            return
        }
        if (outcomes.vtpm.result == .success) != (outcomes.swtpm.result == .success) { hasDiverged = true }
        if let index = known.firstIndex(where: { $0.explains(step, outcomes) }) {
            explained[index] += 1
            passed += 1
            return
        }
        let fields = Self.differences(outcomes)
        let kind = "\(step.name) [\(step.form.kind)] vtpm \(outcomes.vtpm), swtpm \(outcomes.swtpm)"
        fail(
            fields.isEmpty ? kind : "\(kind) \(fields.map(\.name))",
            "\(step.form) in \(flow)\(fields.map { "\n      \($0.name): \($0.values.vtpm) | \($0.values.swtpm)" }.joined())"
                + "\n      operands \(step.sentOperands.handleBytes) \(step.sentOperands.bytes.prefix(60))")
    }

    /// The fields of two successes that differ.
    static func differences(_ outcomes: Both<Outcome>) -> [(name: String, values: Both<String>)] {
        guard case .answer(.success, let ours) = outcomes.vtpm, case .answer(.success, let theirs) = outcomes.swtpm
        else { return [] }
        guard ours.map(\.name) == theirs.map(\.name) else {
            return [("fields", Both("\(ours.map(\.name))", "\(theirs.map(\.name))"))]
        }
        return zip(ours, theirs).filter { $0.value != $1.value }.map { ($0.name, Both($0.value, $1.value)) }
    }

    private func fail(_ kind: String, _ example: String) {
        failed += 1
        if groups[kind] == nil { order.append(kind) }
        groups[kind, default: (0, example)].count += 1
        if isVerbose { print("!! \(kind): \(example)") }
    }

    func printSummary() {
        for kind in order {
            guard let group = groups[kind] else { continue }
            print("\(group.count) x \(kind)\n      \(group.example)")
        }
        print("\nKnown differences, and how often each occurred:")
        for (count, entry) in zip(explained, known) {
            print("\(count == 0 ? "never" : "\(count)")\t\(entry)")
        }
        print("\n\(commands) commands to each TPM\n\(passed) passed, \(failed) failed")
    }
}

extension Step {
    var name: String {
        let name = OrdinalTable.row(for: ordinal)?.name ?? "\(ordinal)"
        return after.map { "\(name) after \(OrdinalTable.row(for: $0)?.name ?? "")" } ?? name
    }
}
