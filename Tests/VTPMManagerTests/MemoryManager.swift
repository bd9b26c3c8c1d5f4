import Foundation
import Synchronization

@testable import VTPMManager

/// A manager that keeps groups and guests in memory, and fails as it is told.
final class MemoryManager: ManagerCommands {
    private struct State {
        var groups: [String: GroupReport] = [:]
        var guests: [String: GuestReport] = [:]
        var approvals: [String: ApprovalList] = [:]
        var failure: ManagerError?
        var problems: [String] = []
        var taken: [SignedApproval] = []
    }

    private static let time = Date(timeIntervalSince1970: 1_700_000_000)
    private let state = Mutex(State())
    /// Called in every call that may wait.
    let delay: @Sendable () -> Void

    init(delay: @escaping @Sendable () -> Void = {}) {
        self.delay = delay
        _ = try? createGroup(GroupRequest(name: "default"))
    }

    /// Every call that can fails with it, until it is nil.
    var failure: ManagerError? {
        get { state.withLock { $0.failure } }
        set { state.withLock { $0.failure = newValue } }
    }

    var problems: [String] {
        get { state.withLock { $0.problems } }
        set { state.withLock { $0.problems = newValue } }
    }

    /// What was approved, as it arrived.
    var taken: [SignedApproval] { state.withLock { $0.taken } }

    private func change<Result>(_ body: (inout State) -> Swift.Result<Result, ManagerError>) throws(ManagerError)
        -> Result
    {
        delay()
        return try state.withLock { state -> Swift.Result<Result, ManagerError> in
            if let failure = state.failure { return .failure(failure) }
            return body(&state)
        }.get()
    }

    func status() -> ManagerStatus {
        state.withLock { state in
            ManagerStatus(
                version: "0.1.0", started: Self.time,
                store: UUID(uuid: (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)),
                directory: "/var/lib/vtpm", hardware: "a \"TPM\" 2.0", hardwareIdentity: "00ff",
                problems: state.problems,
                lastCheckpoint: Self.time, isCheckpointDue: true, groups: state.groups.count,
                openGroups: state.groups.values.count { $0.isOpen }, guests: state.guests.count,
                runningGuests: state.guests.values.count { $0.state == .running }, readyKeys: 16)
        }
    }

    func metrics() -> ManagerMetrics {
        ManagerMetrics(
            status: status(), guestsByState: ["running": 3, "stopped": 1], commands: 12345, storeFailures: 1,
            checkpoints: 7,
            checkpointFailures: 2, connections: 5)
    }

    func hostPCRs(_ indices: [Int]) throws(ManagerError) -> PCRReport {
        try change { _ in
            .success(
                PCRReport(
                    algorithm: "sha256",
                    pcrs: Dictionary(
                        uniqueKeysWithValues: indices.map { ("\($0)", String(repeating: "0\($0 % 10)", count: 32)) })))
        }
    }

    func quotingKey() throws(ManagerError) -> PublicKeyReport {
        try change { _ in .success(PublicKeyReport(pem: "hardware")) }
    }

    func groups() throws(ManagerError) -> [GroupReport] {
        try change { .success($0.groups.values.sorted { $0.name < $1.name }) }
    }

    func group(_ name: String) throws(ManagerError) -> GroupReport { try change { Self.find(name, in: $0.groups) } }

    func createGroup(_ request: GroupRequest) throws(ManagerError) -> GroupReport {
        try change { state in
            guard state.groups[request.name] == nil else {
                return .failure(ManagerError(.conflict, "There is a group \(request.name)."))
            }
            let group = GroupReport(
                id: UUID(), name: request.name, isOpen: true, reason: nil, approvalKey: request.approvalKey,
                approvalSequence: 0, configurations: request.approvalKey == nil ? [] : ["the first"], guests: 0)
            state.groups[request.name] = group
            return .success(group)
        }
    }

    func deleteGroup(_ name: String) throws(ManagerError) {
        _ = try change { state in
            Self.find(name, in: state.groups).map { _ in state.groups[name] = nil }
        }
    }

    func approvals(of group: String) throws(ManagerError) -> ApprovalList {
        try change { state in
            Self.find(group, in: state.groups).map { report in
                state.approvals[group]
                    ?? ApprovalList(
                        group: report.id, sequence: 0,
                        configurations: [
                            .init(
                                name: "the first", algorithm: "sha256", pcrs: ["0": String(repeating: "00", count: 32)])
                        ])
            }
        }
    }

    func approve(_ approval: SignedApproval, for group: String) throws(ManagerError) -> GroupReport {
        try change { state in
            Self.find(group, in: state.groups).flatMap { report in
                state.taken.append(approval)
                guard let list = try? JSONDecoder().decode(ApprovalList.self, from: approval.list) else {
                    return .failure(ManagerError(.invalid, "That is no list."))
                }
                var report = report
                report.approvalSequence = list.sequence
                report.configurations = list.configurations.map(\.name)
                state.groups[group] = report
                state.approvals[group] = list
                return .success(report)
            }
        }
    }

    func guests() throws(ManagerError) -> [GuestReport] {
        try change { .success($0.guests.values.sorted { $0.name < $1.name }) }
    }

    func guest(_ guest: String) throws(ManagerError) -> GuestReport { try change { Self.find(guest, in: $0.guests) } }

    func createGuest(_ request: GuestRequest) throws(ManagerError) -> GuestReport {
        try change { state in
            guard state.guests[request.name] == nil else {
                return .failure(ManagerError(.conflict, "There is a guest \(request.name)."))
            }
            let guest = GuestReport(
                id: request.id ?? UUID(), name: request.name, group: request.group ?? "default",
                state: request.starts == false ? .stopped : .running, interface: request.interface ?? .control,
                isolation: request.isolation ?? GuestIsolation.none, linkedPCRs: request.linkedPCRs ?? [],
                socket: "/run/vtpm/guests/x.sock", created: Self.time, problem: nil)
            state.guests[request.name] = guest
            return .success(guest)
        }
    }

    func startGuest(_ guest: String) throws(ManagerError) -> GuestReport { try set(.running, guest) }
    func stopGuest(_ guest: String) throws(ManagerError) -> GuestReport { try set(.stopped, guest) }
    func suspendGuest(_ guest: String) throws(ManagerError) -> GuestReport { try set(.suspended, guest) }
    func resumeGuest(_ guest: String) throws(ManagerError) -> GuestReport { try set(.running, guest) }

    private func set(_ new: GuestReport.State, _ guest: String) throws(ManagerError) -> GuestReport {
        try change { state in
            Self.find(guest, in: state.guests).map { report in
                var report = report
                report.state = new
                state.guests[guest] = report
                return report
            }
        }
    }

    func destroyGuest(_ guest: String) throws(ManagerError) {
        _ = try change { state in
            Self.find(guest, in: state.guests).map { _ in state.guests[guest] = nil }
        }
    }

    func events(of guest: String) throws(ManagerError) -> [EventReport] {
        try change { state in
            Self.find(guest, in: state.guests).map { _ in
                [EventReport(time: Self.time, kind: "created", text: "The guest was created.")]
            }
        }
    }

    func quotingKey(of guest: String) throws(ManagerError) -> PublicKeyReport {
        try change { state in Self.find(guest, in: state.guests).map { PublicKeyReport(pem: "of \($0.name)") } }
    }

    func deepQuote(of guest: String, _ request: DeepQuoteRequest) throws(ManagerError) -> DeepQuote {
        throw ManagerError(.hardware, "No quote of \(guest) over \(request.nonce) for \(request.pcrs ?? []).")
    }

    private static func find<Report>(
        _ name: String, in reports: [String: Report]
    ) -> Result<Report, ManagerError> {
        reports[name].map { .success($0) } ?? .failure(ManagerError(.notFound, "There is no \(name)."))
    }
}
