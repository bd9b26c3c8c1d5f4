import Foundation
import Testing
import VTPMManager

@testable import vtpm

/// What the manager's verbs make of their arguments.
@Suite struct ManagerVerbTests {
    private func refusal(_ arguments: String...) -> String {
        do {
            _ = try VTPM.parseAsRoot(arguments)
            return "it was not refused"
        } catch {
            return VTPM.message(for: error)
        }
    }

    private func parse<Verb>(_ type: Verb.Type, _ arguments: String...) throws -> Verb {
        try #require(try VTPM.parseAsRoot(arguments) as? Verb)
    }

    @Test func guestsAreMadeAsTheyWereOrdered() throws {
        let usual = try parse(GuestCreate.self, "guest", "create", "web")
        #expect(usual.interface == .control && usual.isolation == .none && usual.uuid == nil && !usual.noStart)
        let verb = try parse(
            GuestCreate.self, "guest", "create", "web", "--uuid", "6f9c6d0e-5a2b-4a39-8d1c-0e6f3f6d2a11", "--group",
            "eu",
            "--interface", "raw", "--isolation", "process", "--link-pcrs", "0-2,7", "--no-start", "--socket", "/s",
            "--json")
        #expect(verb.uuid == UUID(uuidString: "6F9C6D0E-5A2B-4A39-8D1C-0E6F3F6D2A11"))
        #expect(verb.linkPcrs?.indices == [0, 1, 2, 7])
        #expect(verb.interface == .raw && verb.isolation == .process && verb.noStart && verb.report.json)
    }

    @Test func quotesTakeARange() throws {
        let nonce = String(repeating: "Ab", count: 20)
        let verb = try parse(
            GuestQuote.self, "guest", "quote", "web", "--deep", "--nonce", nonce, "--pcrs", "0-15", "--out", "q")
        #expect(verb.pcrs?.indices == Array(0...15) && verb.hostPcrs == nil)
        #expect(refusal("guest", "quote", "web", "--nonce", nonce, "--out", "q").contains("Say --deep"))
        #expect(refusal("guest", "quote", "web", "--deep", "--nonce", "00", "--out", "q").contains("20 to 32 bytes"))
    }

    @Test func approvalsAreSignedHereOrElsewhere() throws {
        let verb = try parse(
            ManagerApprove.self, "manager", "approve", "--sign-with", "k", "--pcr", "4=00ff", "--extend", "7=0a",
            "--extend",
            "7=0b", "--only", "--name", "new")
        #expect(verb.group == "default" && verb.only && verb.name == "new")
        #expect(verb.values.map(\.pcr) == [4] && verb.values.map(\.bytes) == [[0, 0xff]])
        #expect(verb.extensions.map(\.bytes) == [[10], [11]])
        #expect(try parse(ManagerApprove.self, "manager", "approve", "l", "s", "--group", "g").signature == "s")
    }

    @Test(arguments: [
        (["manager", "approve"], "Give either --sign-with"),
        (["manager", "approve", "list"], "Give either --sign-with"),
        (["manager", "approve", "--sign-with", "k", "l", "s"], "Give either --sign-with"),
        (["manager", "approve", "l", "s", "--only"], "taken as it is"),
        (["manager", "approve", "--sign-with", "k", "--pcr", "4=00", "--pcr", "4=01"], "A PCR has one --pcr"),
        (["manager", "approve", "--sign-with", "k", "--pcr", "4=00", "--extend", "4=01"], "A PCR has one --pcr"),
        (["manager", "approve", "--sign-with", "k", "--pcr", "24=00"], "invalid for '--pcr"),
        (["manager", "approve", "--sign-with", "k", "--pcr", "4="], "invalid for '--pcr"),
        (["manager", "approve", "--sign-with", "k", "--extend", "4-5=00"], "invalid for '--extend"),
        (["group", "create", "eu", "--pcrs", "0"], "--pcrs needs --approval-key"),
        (["group", "create", "eu", "--approval-key", "k", "--pcrs", "0-24"], "invalid for '--pcrs"),
        (["guest", "create", "web", "--uuid", "7"], "'7' is no UUID"),
        (["guest", "create", "web", "--interface", "usb"], "invalid for '--interface"),
    ])
    func mistakesAreNamed(arguments: [String], sentence: String) {
        do {
            _ = try VTPM.parseAsRoot(arguments)
            Issue.record("it was not refused")
        } catch {
            #expect(VTPM.message(for: error).contains(sentence))
            #expect(VTPM.exitCode(for: error).rawValue == 64)
        }
    }

    @Test func withoutAVerbTheManagerRuns() throws {
        _ = try parse(ManagerRun.self, "manager")
        #expect(try parse(ManagerRun.self, "manager", "--check-config").checkConfig)
    }

    // MARK: What they print

    @Test func tablesAlign() {
        var table = TextTable("NAME", "STATE", "SOCKET")
        table.add("web", "running", "/run/x")
        table.add("a-long-name", "stopped", "")
        #expect(
            table.text == """
                NAME         STATE    SOCKET
                web          running  /run/x
                a-long-name  stopped
                """)
        #expect(TextTable(["a": "1", "none": nil, "bcd": "2"]).text == "a:    1\nbcd:  2")
    }
}
