/// Rows of words in columns, for people to read.
struct TextTable {
    private var rows: [[String]]

    init(_ headings: String...) { rows = [headings] }

    /// Rows of a name and a value, without headings.
    init(_ pairs: KeyValuePairs<String, String?>) {
        rows = pairs.compactMap { name, value in value.map { ["\(name):", $0] } }
    }

    mutating func add(_ row: String...) { rows.append(row) }

    var text: String {
        var widths: [Int] = []
        for row in rows {
            for (column, cell) in row.enumerated() {
                if column == widths.count { widths.append(0) }
                widths[column] = max(widths[column], cell.count)
            }
        }
        return rows.map { line($0, widths) }.joined(separator: "\n")
    }

    private func line(_ row: [String], _ widths: [Int]) -> String {
        let cells = zip(row, widths).map { cell, width in cell + String(repeating: " ", count: width - cell.count) }
        return Self.trimmed(cells.joined(separator: "  "))
    }

    private static func trimmed(_ line: String) -> String {
        String(line.reversed().drop { $0 == " " }.reversed())
    }
}
