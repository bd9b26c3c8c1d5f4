import Foundation
import Testing

@testable import VTPMManager

/// What curl sees of the admin socket.
@Suite struct AdminRouteTests {
    private let served: ServedManager

    init() throws {
        served = try ServedManager()
        _ = try served.manager.createGuest(GuestRequest(name: "web"))
    }

    @Test func theStatusIsJSON() throws {
        served.manager.problems = ["The hardware TPM is gone."]
        let answer = try served.ask("GET", "/v1/status")
        #expect(answer.status == 200)
        #expect(answer.head.contains("Content-Type: application/json"))
        #expect(answer.head.contains("Connection: close"))
        #expect(answer.head.contains("Content-Length: \(answer.body.utf8.count)"))
        #expect(answer.json["started"] as? String == "2023-11-14T22:13:20Z")
        #expect(answer.json["problems"] as? [String] == ["The hardware TPM is gone."])
        #expect(answer.json["runningGuests"] as? Int == 1)
    }

    @Test(arguments: [
        ("GET", "/v1/quoting-key", "", 200, #""pem":"hardware""#),
        ("GET", "/v1/pcrs?select=0,2-3", "", 200, #""3":"0303"#),
        ("GET", "/v1/groups", "", 200, #""name":"default""#),
        ("POST", "/v1/groups", #"{"name":"eu"}"#, 201, #""name":"eu""#),
        ("GET", "/v1/groups/default", "", 200, #""approvalSequence":0"#),
        ("DELETE", "/v1/groups/default", "", 204, ""),
        ("GET", "/v1/groups/default/approval", "", 200, #""sequence":0"#),
        ("GET", "/v1/guests", "", 200, #""name":"web""#),
        ("POST", "/v1/guests", #"{"name":"db","interface":"raw","linkedPCRs":[0]}"#, 201, #""interface":"raw""#),
        ("GET", "/v1/guests/web", "", 200, #""state":"running""#),
        ("POST", "/v1/guests/web/stop", "", 200, #""state":"stopped""#),
        ("POST", "/v1/guests/web/suspend", "", 200, #""state":"suspended""#),
        ("POST", "/v1/guests/web/start", "", 200, #""state":"running""#),
        ("POST", "/v1/guests/web/resume", "", 200, #""state":"running""#),
        ("GET", "/v1/guests/web/events", "", 200, #""kind":"created""#),
        ("GET", "/v1/guests/web/quoting-key", "", 200, #""pem":"of web""#),
        ("POST", "/v1/guests/web/quote", #"{"nonce":"00ff","pcrs":[1]}"#, 503, "No quote of web over 00ff for [1]."),
        ("DELETE", "/v1/guests/web", "", 204, ""),
    ])
    func everyRouteCallsTheManager(method: String, target: String, body: String, status: Int, part: String) throws {
        let answer = try served.ask(method, target, body)
        #expect(answer.status == status)
        if status == 204 { #expect(answer.body.isEmpty) }
        #expect(part.isEmpty || answer.body.contains(part))
    }

    @Test func aSignedListArrivesByteForByte() throws {
        let list = #"{ "group": "00000000-0000-0000-0000-000000000001", "sequence": 7, "configurations": [] }"#
        let body = """
            {"list": "\(Data(list.utf8).base64EncodedString())", "signature": "\(Data(repeating: 9, count: 64).base64EncodedString())"}
            """
        let answer = try served.ask("POST", "/v1/groups/default/approval", body)
        #expect(answer.status == 200)
        #expect(answer.json["approvalSequence"] as? Int == 7)
        #expect(
            served.manager.taken == [SignedApproval(list: Data(list.utf8), signature: Data(repeating: 9, count: 64))])
    }

    @Test func namesMayHoldWhatPathsMayNot() throws {
        _ = try served.manager.createGuest(GuestRequest(name: "a/b ü?"))
        #expect(try served.ask("GET", "/v1/guests/a%2Fb%20%C3%BC%3F").status == 200)
        #expect(try served.client.guest("a/b ü?").name == "a/b ü?")
    }

    @Test(arguments: [
        (ManagerError.Kind.notFound, 404), (.conflict, 409), (.invalid, 400), (.notApproved, 403), (.hardware, 503),
        (.store, 503), (.failed, 500),
    ])
    func failuresHaveAStatusAndASentence(kind: ManagerError.Kind, status: Int) throws {
        served.manager.failure = ManagerError(kind, "Do \"this\".")
        let answer = try served.ask("GET", "/v1/guests")
        #expect(answer.status == status)
        #expect(answer.error == kind.rawValue)
        #expect(answer.message == "Do \"this\".")
    }

    @Test(arguments: [
        "/", "/v1", "/v1/", "/v1/guests/", "/v1/guests/web/", "/v1/guests/web/fly", "/v2/status", "//v1/status",
        "/V1/status",
    ])
    func whatIsNotThereIsNotFound(target: String) throws {
        let answer = try served.ask("GET", target)
        #expect(answer.status == 404)
        #expect(answer.error == "notFound")
    }

    @Test(arguments: [
        ("POST", "/v1/status", "GET"), ("PUT", "/v1/groups", "GET, POST"), ("GET", "/v1/guests/web/start", "POST"),
        ("PATCH", "/v1/guests/web", "GET, DELETE"), ("OPTIONS", "/metrics", "GET"),
    ])
    func otherMethodsAreNamed(method: String, target: String, allowed: String) throws {
        let answer = try served.ask(method, target)
        #expect(answer.status == 405)
        #expect(answer.head.contains("Allow: \(allowed)"))
        #expect(answer.error == "invalid")
    }

    @Test func headHasNoBody() throws {
        let answer = try served.ask("HEAD", "/v1/status")
        #expect(answer.status == 405)
        #expect(answer.body.isEmpty)
    }

    @Test(arguments: [
        ("", "The body is no JSON"), ("{", "The body is no JSON"), ("[]", "no object with fields"),
        ("7", "no object with fields"),
        ("{}", "The field 'name' is missing."), (#"{"name": 7}"#, "The field 'name' is of another type"),
        (#"{"name": null}"#, "The field 'name'"),
        (#"{"name": "x", "id": "no"}"#, "The field 'id' cannot be used"),
        (#"{"name": "x", "interface": "usb"}"#, "The field 'interface' cannot be used"),
        (#"{"name": "x", "linkedPCRs": [0, "1"]}"#, "The field 'linkedPCRs.1' is of another type"),
        (#"{"name": "x", "start": true}"#, "There is no field 'start' here; there are name, id, group, interface"),
        ("\u{0}\u{1}", "The body is no JSON"),
    ])
    func bodiesThatCannotBeUsed(body: String, sentence: String) throws {
        let answer = try served.ask("POST", "/v1/guests", body)
        #expect(answer.status == 400)
        #expect(answer.error == "invalid")
        #expect(answer.message.contains(sentence))
        #expect(try served.manager.guests().count == 1)
    }

    @Test(arguments: [
        "", "?select=", "?select=24", "?select=3-1", "?select=a", "?select=0,", "?select=-1", "?select=0&select=1",
        "?Select=0",
    ])
    func selectionsThatAreNone(query: String) throws {
        let answer = try served.ask("GET", "/v1/pcrs\(query)")
        #expect(answer.status == 400)
        #expect(answer.error == "invalid")
    }

    @Test func metricsAreWhatPrometheusReads() throws {
        served.manager.problems = ["one", "two"]
        let answer = try served.ask("GET", "/metrics")
        #expect(answer.status == 200)
        #expect(answer.head.contains("Content-Type: text/plain; version=0.0.4"))
        for line in [
            "# TYPE vtpm_commands_total counter", "vtpm_commands_total 12345", "vtpm_guests{state=\"running\"} 3",
            "vtpm_guests{state=\"stopped\"} 1", "vtpm_groups{state=\"open\"} 1", "vtpm_groups{state=\"closed\"} 0",
            "vtpm_healthy 0", "vtpm_problems 2", "vtpm_checkpoint_due 1", "process_start_time_seconds 1700000000",
            "vtpm_info{version=\"0.1.0\",hardware=\"a \\\"TPM\\\" 2.0\",store=\"01020304-0506-0708-090A-0B0C0D0E0F10\"} 1",
        ] { #expect(answer.body.contains("\n\(line)\n"), "\(line)") }
        let memory = try #require(answer.body.firstMatch(of: /\nprocess_resident_memory_bytes (\d+)\n/))
        #expect(try #require(Int(memory.1)) > 1 << 20)
        // Each name has one help and one type, before its samples.
        let names = answer.body.matches(of: /# TYPE (\w+)/).map { String($0.1) }
        #expect(Set(names).count == names.count)
        for line in answer.body.split(separator: "\n") where !line.hasPrefix("#") {
            #expect(names.contains { line.hasPrefix("\($0) ") || line.hasPrefix("\($0){") }, "\(line)")
        }
    }
}
