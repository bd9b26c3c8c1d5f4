import Foundation
import VTPMManager

// The manager's reports as lines for people.

extension Date {
    /// Local time to the second.
    var text: String {
        formatted(
            .verbatim(
                "\(year: .defaultDigits)-\(month: .twoDigits)-\(day: .twoDigits) \(hour: .twoDigits(clock: .twentyFourHour, hourCycle: .zeroBased)):\(minute: .twoDigits):\(second: .twoDigits)",
                timeZone: .current, calendar: Calendar(identifier: .gregorian)))
    }
}

extension ManagerStatus {
    var text: String {
        let table = TextTable([
            "health": isHealthy
                ? "good" : "\(problems.count) \(problems.count == 1 ? "problem" : "problems"), see below",
            "version": version, "running since": started.text, "store": "\(store) in \(directory)",
            "hardware": hardware, "identity": hardwareIdentity,
            "checkpoint": (lastCheckpoint.map(\.text) ?? "none yet") + (isCheckpointDue ? ", another is due" : ""),
            "groups": "\(groups), \(openGroups) open", "guests": "\(guests), \(runningGuests) running",
            "ready keys": "\(readyKeys)",
        ])
        return ([table.text] + problems.map { "! \($0)" }).joined(separator: "\n")
    }
}

extension GroupReport {
    var text: String {
        TextTable([
            "name": name, "UUID": id.uuidString, "state": isOpen ? "open" : "closed", "reason": reason,
            "approval key": approvalKey ?? "none, opens in any configuration",
            "approval": approvalKey == nil ? nil : "number \(approvalSequence)",
            "approved": configurations.isEmpty ? nil : configurations.joined(separator: ", "), "guests": "\(guests)",
        ]).text
    }

    static func table(_ groups: [GroupReport]) -> String {
        var table = TextTable("NAME", "STATE", "GUESTS", "APPROVAL")
        for group in groups {
            table.add(
                group.name, group.isOpen ? "open" : "closed", "\(group.guests)",
                group.approvalKey == nil ? "-" : "\(group.approvalSequence)")
        }
        return table.text
    }
}

extension GuestReport {
    var text: String {
        TextTable([
            "name": name, "UUID": id.uuidString, "group": group, "state": state.rawValue, "problem": problem,
            "interface": interface?.rawValue, "isolation": isolation?.rawValue,
            "linked PCRs": linkedPCRs.flatMap { $0.isEmpty ? nil : $0.map(String.init).joined(separator: ",") },
            "socket": socket, "domain": domain.map { "\($0)" }, "created": created.text,
        ]).text
    }

    static func table(_ guests: [GuestReport]) -> String {
        var table = TextTable("NAME", "STATE", "GROUP", "UUID", "SOCKET")
        for guest in guests {
            table.add(
                guest.name, guest.state.rawValue, guest.group, guest.id.uuidString,
                guest.socket ?? guest.domain.map { "domain \($0)" } ?? "-")
        }
        let problems = guests.compactMap { guest in guest.problem.map { "! \(guest.name): \($0)" } }
        return ([table.text] + problems).joined(separator: "\n")
    }
}

extension EventReport {
    static func table(_ events: [EventReport]) -> String {
        var table = TextTable("TIME", "EVENT", "WHAT HAPPENED")
        for event in events { table.add(event.time.text, event.kind, event.text) }
        return table.text
    }
}
