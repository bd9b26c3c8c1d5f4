import Foundation

/// The medians of one measurement.
struct Row {
    let name: String
    let vtpm: Duration
    let swtpm: Duration?
    let target: Target
    /// The median of what the target is measured by.
    let baseline: Duration

    private var ratio: Double? { swtpm.map { vtpm / $0 } }

    /// The target in words, and whether it was met; nil where nothing is asked, or there is no peer to ask it of.
    private var verdict: (target: String, isMet: Bool)? {
        switch target {
        case .none: nil
        case .ofSwtpm(let part): ratio.map { ("\(part) of swtpm", $0 <= part) }
        case .privateOperation:
            limit("1.15 of a bare operation + 60 µs", baseline * 1.15 + .microseconds(60))
        case .ofKeyGeneration(let part, _): limit("\(part) of OpenSSL's", baseline * part)
        case .atMost(let duration): limit("at most", duration)
        }
    }

    private func limit(_ words: String, _ duration: Duration) -> (String, Bool) {
        ("\(words): \(duration.inMicroseconds) µs", vtpm <= duration)
    }

    var cells: [String] {
        [
            name, vtpm.inMicroseconds, swtpm?.inMicroseconds ?? "-",
            ratio.map { String(format: "%.2f", $0) } ?? "-", verdict?.target ?? "-",
            verdict.map { $0.isMet ? "yes" : "NO" } ?? "-",
        ]
    }
}

/// Prints rows of cells as a table of the width that they need; the second to the fourth column are numbers.
func printTable(_ header: [String], _ rows: [[String]]) {
    let lines = [header] + rows
    let widths = header.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
    for cells in lines {
        let padded = zip(cells, widths).enumerated().map { column, cell in
            let space = String(repeating: " ", count: cell.1 - cell.0.count)
            return (1...3).contains(column) ? space + cell.0 : cell.0 + space
        }
        print(padded.joined(separator: "  "))
    }
}

extension Duration {
    var inMicroseconds: String {
        let value = self / .microseconds(1)
        return String(format: value < 100 ? "%.1f" : "%.0f", value)
    }
}
