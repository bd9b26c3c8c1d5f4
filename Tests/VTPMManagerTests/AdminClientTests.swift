import Foundation
import Glibc
import TPMServer
import Testing

@testable import VTPMManager

@Suite struct AdminClientTests {
    @Test func everyCallArrivesAndComesBack() throws {
        let served = try ServedManager()
        let client = served.client
        #expect(try client.status() == served.manager.status())
        #expect(try client.metrics().contains("vtpm_commands_total 12345"))
        #expect(try client.hostPCRs([0, 7]) == served.manager.hostPCRs([0, 7]))
        #expect(try client.quotingKey().pem == "hardware")

        let group = try client.createGroup(GroupRequest(name: "eu", approvalKey: "key", pcrs: [0]))
        #expect(try client.groups().map(\.name) == ["default", "eu"])
        #expect(try client.group("eu") == group)
        var list = try client.approvals(of: "eu")
        list.sequence += 1
        let approval = SignedApproval(list: try JSONEncoder().encode(list), signature: Data(count: 64))
        #expect(try client.approve(approval, for: "eu").approvalSequence == 1)
        #expect(served.manager.taken == [approval])
        try client.deleteGroup("eu")
        #expect(try client.groups().map(\.name) == ["default"])

        let id = UUID()
        let guest = try client.createGuest(
            GuestRequest(name: "web", id: id, isolation: .process, linkedPCRs: [1, 2], starts: false))
        #expect(guest.id == id && guest.isolation == .process && guest.linkedPCRs == [1, 2] && guest.state == .stopped)
        #expect(try client.guest("web") == guest)
        #expect(try client.guests() == [guest])
        #expect(try client.startGuest("web").state == .running)
        #expect(try client.suspendGuest("web").state == .suspended)
        #expect(try client.resumeGuest("web").state == .running)
        #expect(try client.stopGuest("web").state == .stopped)
        #expect(try client.events(of: "web") == served.manager.events(of: "web"))
        #expect(try client.quotingKey(of: "web").pem == "of web")
        #expect(
            throws: AdminClientError.refused(ManagerError(.hardware, "No quote of web over ff for [1]."))
                as AdminClientError
        ) {
            try client.deepQuote(of: "web", DeepQuoteRequest(nonce: "ff", pcrs: [1]))
        }
        try client.destroyGuest("web")
        #expect(try client.guests().isEmpty)
    }

    @Test(arguments: ManagerError.Kind.allCases)
    func refusalsKeepTheirKind(kind: ManagerError.Kind) throws {
        let served = try ServedManager()
        served.manager.failure = ManagerError(kind, "A sentence.")
        #expect(throws: AdminClientError.refused(ManagerError(kind, "A sentence."))) { try served.client.guests() }
        #expect(throws: AdminClientError.refused(ManagerError(kind, "A sentence."))) {
            try served.client.destroyGuest("x")
        }
    }

    @Test func manyGuestsFitIntoAnAnswer() throws {
        let served = try ServedManager()
        for number in 0..<2000 { _ = try served.manager.createGuest(GuestRequest(name: "guest-\(number)")) }
        #expect(try served.client.guests().count == 2000)
    }

    @Test func whereTooManyWaitItTriesAgain() throws {
        let home = try TemporaryDirectory()
        let path = "\(home.path)/full.sock"
        let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        defer { close(listener) }
        try #require(try UnixAddress(path).use { bind(listener, $0, $1) } == Int32(0) && listen(listener, 0) == 0)
        let first = try RawSocket(path)
        let isDone = DispatchSemaphore(value: 0)
        DispatchQueue.global().async {
            try? AdminClient(socket: path).destroyGuest("web")
            isDone.signal()
        }
        #expect(isDone.wait(timeout: .now() + 0.5) == .timedOut)
        close(accept(listener, nil, nil))
        let client = accept(listener, nil, nil)
        var request = [UInt8](repeating: 0, count: 4096)
        #expect(recv(client, &request, request.count, 0) > 0)
        let answer = Array("HTTP/1.1 204 No Content\r\n\r\n".utf8)
        #expect(send(client, answer, answer.count, Int32(MSG_NOSIGNAL)) == answer.count)
        #expect(isDone.wait(timeout: .now() + 20) == .success)
        close(client)
        withExtendedLifetime(first) {}
    }

    @Test(arguments: [
        "", "garbage\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", "HTTP/1.1 200 OK\r\n\r\n[]",
    ])
    func whatIsNoManagerIsNotBelieved(answer: String) throws {
        let home = try TemporaryDirectory()
        let path = "\(home.path)/other.sock"
        let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        defer { close(listener) }
        try #require(try UnixAddress(path).use { bind(listener, $0, $1) } == Int32(0) && listen(listener, 1) == 0)
        // It says what it says before it was asked.
        DispatchQueue.global().async {
            let client = accept(listener, nil, nil)
            _ = send(client, answer, answer.utf8.count, Int32(MSG_NOSIGNAL))
            close(client)
        }
        #expect(throws: AdminClientError.self) { try AdminClient(socket: path).status() }
    }

    @Test func withoutAManagerItSaysSo() throws {
        let home = try TemporaryDirectory()
        let path = "\(home.path)/none.sock"
        #expect(
            throws: AdminClientError.unreachable(
                "The manager is not running at \(path): start vtpm manager, or name its socket with --socket.")
        ) { try AdminClient(socket: path).status() }
        let served = try ServedManager()
        served.stop()
        #expect(throws: AdminClientError.self) { try served.client.status() }
        #expect(throws: AdminClientError.self) {
            try AdminClient(socket: String(repeating: "x", count: 200)).status()
        }
    }
}
