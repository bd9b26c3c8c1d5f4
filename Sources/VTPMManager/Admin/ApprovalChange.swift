import HardwareAnchor
import TPMCrypto

/// What an operator wants approved beside, or in place of, what a group's list names: the present configuration of the
/// host with some PCRs as they will be.
public struct ApprovalChange: Sendable {
    /// What becomes of a PCR.
    public enum Step: Sendable, Equatable {
        /// It will have this value.
        case value([UInt8])
        /// It will be extended with this digest, after the steps before.
        case extended([UInt8])
    }

    /// Nil has one made of the list's number.
    public var name: String?
    public var steps: [(pcr: Int, step: Step)]
    /// True when what was approved before is approved no more.
    public var dropsOthers: Bool

    public init(name: String? = nil, steps: [(pcr: Int, step: Step)] = [], dropsOthers: Bool = false) {
        self.name = name
        self.steps = steps
        self.dropsOthers = dropsOthers
    }

    /// Which PCRs the new configuration has: those of the list, and those of the steps. Without any: 0, 2, 4, 7.
    public func selection(for list: ApprovalList) -> [Int] {
        let named = Set(list.configurations.flatMap(\.pcrs.keys).compactMap { Int($0) })
        return (named.isEmpty ? [0, 2, 4, 7] : named).union(steps.map(\.pcr)).sorted()
    }

    /// The next list.
    ///
    /// - Parameter present: the PCRs of ``selection(for:)``.
    /// - Throws: ``ManagerError/Kind/invalid`` for a value of a wrong size, ``ManagerError/Kind/conflict`` when the
    ///   configuration is approved already.
    public func next(after list: ApprovalList, present: PCRReport) throws(ManagerError) -> ApprovalList {
        let (number, isBeyond) = list.sequence.addingReportingOverflow(1)
        guard !isBeyond else { throw ManagerError(.invalid, "The list has the last number that there is.") }
        let name = self.name ?? "configuration \(number)"
        let configuration = try configuration(name, present)
        let same = list.configurations.first { (try? $0.checked()) == configuration }
        if let same, !dropsOthers || list.configurations.count == 1 {
            throw ManagerError(.conflict, "That configuration is approved already, as '\(same.name)'.")
        }
        return ApprovalList(
            group: list.group, sequence: number,
            configurations: (dropsOthers ? [] : list.configurations) + [.init(name: name, configuration)])
    }

    private func configuration(_ name: String, _ present: PCRReport) throws(ManagerError) -> PCRConfiguration {
        let start = try ApprovalList.Configuration(name: name, algorithm: present.algorithm, pcrs: present.pcrs)
            .checked()
        var values = start.values
        for (pcr, step) in steps {
            switch step {
            case .value(let value): values[pcr] = value
            case .extended(let digest):
                guard digest.count == start.algorithm.byteCount else {
                    throw ManagerError(
                        .invalid,
                        "PCR \(pcr) is extended with the \(start.algorithm.byteCount) bytes of a \(start.algorithm), not "
                            + "with \(digest.count).")
                }
                let whole = (values[pcr] ?? []) + digest
                values[pcr] = start.algorithm == .sha1 ? SHA1.hash(whole).bytes : SHA256.hash(whole)
            }
        }
        do throws(AnchorError) { return try PCRConfiguration(start.algorithm, values) } catch {
            throw ManagerError(.invalid, "\(error)")
        }
    }
}
