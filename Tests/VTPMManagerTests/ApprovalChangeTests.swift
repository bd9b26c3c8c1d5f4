import Foundation
import TPMCrypto
import Testing

@testable import VTPMManager

@Suite struct ApprovalChangeTests {
    private static let zero = String(repeating: "00", count: 32)
    private static let old = ApprovalList.Configuration(
        name: "old", algorithm: "sha256", pcrs: ["0": zero, "4": String(repeating: "11", count: 32)])
    private let list = ApprovalList(group: UUID(), sequence: 6, configurations: [old])
    private let present = PCRReport(algorithm: "sha256", pcrs: ["0": zero, "4": zero])

    @Test func theListsPCRsAndThoseNamedAreLookedAt() {
        #expect(ApprovalChange().selection(for: list) == [0, 4])
        #expect(ApprovalChange(steps: [(9, .value([])), (4, .value([]))]).selection(for: list) == [0, 4, 9])
        let empty = ApprovalList(group: UUID(), sequence: 0, configurations: [])
        #expect(ApprovalChange().selection(for: empty) == [0, 2, 4, 7])
    }

    @Test func thePresentConfigurationIsAdded() throws {
        let next = try ApprovalChange().next(after: list, present: present)
        #expect(next.group == list.group && next.sequence == 7)
        #expect(next.configurations.map(\.name) == ["old", "configuration 7"])
        #expect(next.configurations.last?.pcrs == present.pcrs)
        let only = try ApprovalChange(name: "new", dropsOthers: true).next(after: list, present: present)
        #expect(only.configurations.map(\.name) == ["new"])
    }

    @Test func valuesAreReplacedAndExtended() throws {
        let value = [UInt8](repeating: 7, count: 32)
        let change = ApprovalChange(steps: [(0, .value(value)), (4, .extended(value)), (4, .extended(value))])
        let pcrs = try change.next(after: list, present: present).configurations.last?.pcrs
        #expect(pcrs?["0"] == String(repeating: "07", count: 32))
        let twice = SHA256.hash(SHA256.hash([UInt8](repeating: 0, count: 32) + value) + value)
        #expect(pcrs?["4"] == Hexadecimal.encode(twice))
        // By Python: sha256(sha256(bytes(32) + b"\7" * 32).digest() + b"\7" * 32).
        #expect(pcrs?["4"] == "afebd3f4b18331c3c0edc80f4f54d3e8f2e55063da60dce1cab719265ff8b16c")

        let sha1 = PCRReport(algorithm: "sha1", pcrs: ["0": String(repeating: "00", count: 20)])
        let small = ApprovalList(group: UUID(), sequence: 0, configurations: [])
        let extended = ApprovalChange(steps: [(0, .extended([UInt8](repeating: 7, count: 20)))])
        #expect(
            try extended.next(after: small, present: sha1).configurations.last?.pcrs["0"]
                == "e03a515b95e9316ca86710b8e404a26352653f8e")
    }

    private func refusal(_ change: ApprovalChange, _ list: ApprovalList, _ present: PCRReport) -> String {
        do throws(ManagerError) {
            _ = try change.next(after: list, present: present)
            return "it was not refused"
        } catch {
            return "\(error.kind): \(error)"
        }
    }

    @Test func whatCannotBeApprovedIsRefused() throws {
        let same = PCRReport(algorithm: "sha256", pcrs: Self.old.pcrs)
        #expect(refusal(ApprovalChange(), list, same) == "conflict: That configuration is approved already, as 'old'.")
        #expect(refusal(ApprovalChange(dropsOthers: true), list, same).hasPrefix("conflict"))
        var two = list
        two.configurations.append(.init(name: "other", algorithm: "sha256", pcrs: present.pcrs))
        #expect(try ApprovalChange(dropsOthers: true).next(after: two, present: same).configurations.count == 1)
        #expect(refusal(ApprovalChange(steps: [(0, .value([1]))]), list, present).contains("PCR 0 has 32 bytes"))
        #expect(
            refusal(ApprovalChange(steps: [(0, .extended([1]))]), list, present)
                .contains("PCR 0 is extended with the 32 bytes of a sha256, not with 1."))
        let last = ApprovalList(group: UUID(), sequence: .max, configurations: [])
        #expect(refusal(ApprovalChange(), last, present).contains("the last number"))
        #expect(refusal(ApprovalChange(), list, PCRReport(algorithm: "md5", pcrs: ["0": "00"])).hasPrefix("invalid"))
        #expect(refusal(ApprovalChange(), list, PCRReport(algorithm: "sha1", pcrs: [:])).hasPrefix("invalid"))
    }
}
