import Foundation
import Glibc

/// ``ManagerMetrics`` in Prometheus' text format, version 0.0.4.
struct MetricsText: Encodable {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private(set) var text = ""

    init(_ metrics: ManagerMetrics, process: ProcessFigures = ProcessFigures()) {
        let status = metrics.status
        add(
            "vtpm_info", "gauge", "What the manager is.",
            [
                ([("version", status.version), ("hardware", status.hardware), ("store", status.store.uuidString)], 1)
            ])
        add("vtpm_healthy", "gauge", "1 when nothing is wrong.", status.isHealthy ? 1 : 0)
        add("vtpm_problems", "gauge", "What does not work now.", status.problems.count)
        add(
            "vtpm_groups", "gauge", "Groups, by whether what the machine booted opened their key.",
            [
                ([("state", "open")], Double(status.openGroups)),
                ([("state", "closed")], Double(status.groups - status.openGroups)),
            ])
        let states = metrics.guestsByState.sorted { $0.key < $1.key }
        add("vtpm_guests", "gauge", "Guests by state.", states.map { ([("state", $0.key)], Double($0.value)) })
        add("vtpm_ready_keys", "gauge", "RSA keys that are ready in the pool.", status.readyKeys)
        add("vtpm_connections", "gauge", "Clients that are connected to guests' sockets.", metrics.connections)
        add("vtpm_commands_total", "counter", "TPM commands that were executed.", Double(metrics.commands))
        add(
            "vtpm_store_failures_total", "counter", "Durable writes that were refused, since the store failed.",
            Double(metrics.storeFailures))
        add("vtpm_checkpoints_total", "counter", "Checkpoints that the hardware took.", Double(metrics.checkpoints))
        add(
            "vtpm_checkpoint_failures_total", "counter", "Checkpoints that the hardware did not take.",
            Double(metrics.checkpointFailures))
        add(
            "vtpm_checkpoint_due", "gauge", "1 when something was committed that the hardware does not know of yet.",
            status.isCheckpointDue ? 1 : 0)
        if let last = status.lastCheckpoint {
            add(
                "vtpm_last_checkpoint_timestamp_seconds", "gauge", "When the hardware last took a checkpoint.",
                last.timeIntervalSince1970)
        }
        add(
            "process_start_time_seconds", "gauge", "When the manager started.", status.started.timeIntervalSince1970)
        if let resident = process.residentBytes {
            add("process_resident_memory_bytes", "gauge", "Memory of the process that is in RAM.", resident)
        }
        if let descriptors = process.openDescriptors {
            add("process_open_fds", "gauge", "Descriptors that are open.", descriptors)
        }
    }

    private mutating func add(_ name: String, _ type: String, _ help: String, _ value: Int) {
        add(name, type, help, Double(value))
    }

    private mutating func add(_ name: String, _ type: String, _ help: String, _ value: Double) {
        add(name, type, help, [([], value)])
    }

    private mutating func add(
        _ name: String, _ type: String, _ help: String, _ samples: [(labels: [(String, String)], value: Double)]
    ) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
        for (labels, value) in samples {
            let inside = labels.map { "\($0)=\"\(Self.escape($1))\"" }.joined(separator: ",")
            text += "\(name)\(inside.isEmpty ? "" : "{\(inside)}") \(Self.number(value))\n"
        }
    }

    private static func escape(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }

    /// Without a fraction where there is none.
    private static func number(_ value: Double) -> String { Int(exactly: value).map(String.init) ?? "\(value)" }
}

/// What the kernel says about this process.
struct ProcessFigures {
    var residentBytes: Int?
    var openDescriptors: Int?

    init() {
        // The second number of proc_pid_statm(5) counts pages.
        let pages = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
        if let pages, pages.count > 1, let count = Int(pages[1]) { residentBytes = count * Int(getpagesize()) }
        openDescriptors = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
    }
}
