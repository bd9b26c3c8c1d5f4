import Foundation
import Testing

/// `vtpm ordinals`, as a process.
@Suite struct OrdinalsTests {
    private func ordinals(_ arguments: String...) throws -> (status: Int32, output: String, errors: String) {
        try Emulator(["ordinals"] + arguments).end()
    }

    /// The page is made with `vtpm ordinals --markdown > Docs/Ordinals.md`.
    @Test func theManualsTableIsWhatTheVerbPrints() throws {
        let page = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Docs/Ordinals.md").standardizedFileURL
        let end = try ordinals("--markdown")
        #expect(end.status == 0)
        #expect(end.output == (try String(contentsOf: page, encoding: .utf8)))
    }

    @Test func aLineACommandIsForTheTerminal() throws {
        let end = try ordinals()
        let lines = end.output.split(separator: "\n")
        #expect(end.status == 0)
        #expect(lines.count == 126)
        #expect(lines.first?.hasPrefix("number      name ") == true)
        #expect(
            lines.contains {
                $0.split(separator: " ", omittingEmptySubsequences: true)
                    == ["0x000000f1", "TPM_ORD_GetTicks", "0", "short", "new", "in", "1.2"]
            })
        #expect(lines.contains { $0.hasPrefix("0x000000aa  TPM_ORD_FieldUpgrade") && $0.hasSuffix("not the guest") })
    }

    @Test func whatIsMissingIsNamedAndTheStatusSaysSo() throws {
        let end = try ordinals("--missing")
        let names = end.output.split(separator: "\n")
        #expect(end.status == (names.isEmpty ? 0 : 1))
        #expect(end.errors.isEmpty)
        #expect(names.allSatisfy { $0.hasPrefix("TPM_ORD_") })
        #expect(!names.contains("TPM_ORD_Startup") && !names.contains("TPM_ORD_FieldUpgrade"))
        #expect(!names.contains("TPM_ORD_CertifySelfTest"))
    }

    @Test func aWrongOptionIsRefused() throws {
        #expect(try ordinals("--missing", "--markdown").status == 64)
        #expect(try ordinals("--tpm", "x").status == 64)
    }
}
