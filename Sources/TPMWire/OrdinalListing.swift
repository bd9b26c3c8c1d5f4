/// The ordinal table for people to read: as columns for a terminal, or as a table of Markdown.
public struct OrdinalListing: Sendable {
    /// What a cell of the column "notes" says of a row, empty for nothing.
    public typealias Note = @Sendable (OrdinalRow) -> String

    private let rows: [[String]]

    private static let header = [
        "number", "name", "sessions", "owner", "presence", "PCRs", "audit", "duration", "deactivated", "disabled",
        "notes",
    ]

    public init(_ rows: [OrdinalRow] = OrdinalTable.rows, note: Note = { _ in "" }) {
        self.rows = rows.map { Self.cells($0) + [Self.notes($0, note($0))] }
    }

    /// Columns for a terminal, a line a row.
    public var text: String {
        let table = [Self.header] + rows
        let widths = Self.header.indices.map { column in table.map { $0[column].count }.max() ?? 0 }
        return table.map { row in
            let line = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
            return String(line.joined(separator: "  ").reversed().drop { $0 == " " }.reversed())
        }.joined(separator: "\n")
    }

    /// A page of Markdown that says what its columns are.
    public var markdown: String {
        let table = ([Self.header, Self.header.map { _ in "---" }] + rows).map {
            "| " + $0.map { $0.isEmpty ? " " : $0 }.joined(separator: " | ") + " |"
        }
        return Self.introduction + table.joined(separator: "\n")
    }

    private static func cells(_ row: OrdinalRow) -> [String] {
        let hex = String(row.ordinal.rawValue, radix: 16)
        let sessions = [(row.rqu, "0"), (row.auth1, "1"), (row.auth2, "2")].filter(\.0).map(\.1)
        return [
            "0x" + String(repeating: "0", count: 8 - hex.count) + hex, row.name, sessions.joined(separator: ","),
            row.noOwner ? "" : "needed", yes(row.physicalPresence), yes(row.pcrUseEnforced), audit(row.audit),
            duration(row.duration), available(row.availableDeactivated), available(row.availableDisabled),
        ]
    }

    private static func notes(_ row: OrdinalRow, _ note: String) -> String {
        let change: String? =
            switch row.change {
            case .none: nil
            case .new: "new in 1.2"
            case .changed: "changed in 1.2"
            case .deprecated: "deprecated"
            case .deleted: "deleted"
            }
        return [row.optional ? "optional" : nil, change, row.fipsChanges ? "FIPS" : nil, note.isEmpty ? nil : note]
            .compactMap { $0 }.joined(separator: "; ")
    }

    private static func yes(_ isSet: Bool) -> String { isSet ? "yes" : "" }

    private static func audit(_ audit: OrdinalRow.Audit) -> String {
        switch audit {
        case .default: "yes"
        case .never: "never"
        case .off: ""
        }
    }

    private static func duration(_ duration: OrdinalRow.Duration) -> String {
        switch duration {
        case .short: "short"
        case .medium: "medium"
        case .long: "long"
        case .variable: "varies"
        }
    }

    private static func available(_ availability: OrdinalRow.Availability) -> String {
        switch availability {
        case .no: ""
        case .yes: "yes"
        case .sometimes: "at times"
        }
    }

    private static let introduction = """
        # Ordinals

        The commands of the TPM Main Specification 1.2, level 2 revision 116 (Part 2, 17), as this TPM has them. The
        page is what `vtpm ordinals --markdown` prints, from the table that the common checks of every command read.

        | column | meaning |
        |---|---|
        | sessions | how many authorization sessions the command can come with |
        | owner | needed: without one it is TPM_NOSRK |
        | presence | it may ask for physical presence |
        | PCRs | the keys that it uses are held to their PCRs and localities |
        | audit | it is audited until the owner says otherwise |
        | duration | short without RSA, medium with it, long when it makes a key |
        | deactivated, disabled | it is available while the TPM is |
        | notes | optional for a maker; its change in 1.2; whether FIPS mode changes it; why it is left out |

        A deleted command and one that is left out answer TPM_BAD_ORDINAL.

        """
        + "\n"
}
