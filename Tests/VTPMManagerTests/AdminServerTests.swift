import Foundation
import Glibc
import Logging
import Synchronization
import TPMServer
import Testing

@testable import VTPMManager

/// The admin socket, and clients that mean no good.
@Suite struct AdminServerTests {
    private func refusal(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "it was not refused"
        } catch {
            return "\(error)"
        }
    }

    // MARK: The socket

    @Test(arguments: [mode_t(0o600), 0o660])
    func theFileHasTheMode(mode: mode_t) throws {
        let served = try ServedManager(mode: mode)
        var status = stat()
        #expect(lstat(served.path, &status) == 0)
        #expect(status.st_mode & 0o777 == mode)
        served.stop()
        #expect(lstat(served.path, &status) != 0)
    }

    @Test func aLiveManagerKeepsItsSocket() throws {
        let served = try ServedManager()
        let configuration = ManagerConfiguration.Admin(socket: served.path)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        #expect(
            refusal { _ = try AdminServer(MemoryManager(), configuration, logger: logger) }
                .contains("Another process listens"))
        #expect(try served.client.guests().isEmpty)
    }

    @Test func theSocketOfADeadManagerIsReplaced() throws {
        let home = try TemporaryDirectory()
        let path = "\(home.path)/manager.sock"
        let dead = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        #expect(try UnixAddress(path).use { bind(dead, $0, $1) } == Int32(0))
        close(dead)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let server = try AdminServer(MemoryManager(), .init(socket: path), logger: logger)
        #expect(try AdminClient(socket: path).guests().isEmpty)
        server.stop()
    }

    @Test func stoppingWaitsForWhatRuns() throws {
        let isRunning = DispatchSemaphore(value: 0)
        let hasEnded = Mutex(false)
        let served = try ServedManager(delay: {
            isRunning.signal()
            usleep(200_000)
            hasEnded.withLock { $0 = true }
        })
        isRunning.wait()
        hasEnded.withLock { $0 = false }
        let socket = try RawSocket(served.path)
        socket.send("GET /v1/guests HTTP/1.1\r\nHost: x\r\n\r\n")
        isRunning.wait()
        served.stop()
        #expect(hasEnded.withLock { $0 })
    }

    // MARK: Clients

    @Test func aClientMayCloseItsSideBeforeTheAnswer() throws {
        let served = try ServedManager(delay: { usleep(50_000) })
        #expect(try served.send("GET /v1/guests HTTP/1.1\r\nHost: x\r\n\r\n", endsThere: true).status == 200)
    }

    @Test func bodiesMayComeInChunksAndAfterAnInvitation() throws {
        let served = try ServedManager()
        let chunked = "Transfer-Encoding: chunked\r\n\r\n8\r\n{\"name\":\r\n5\r\n\"web\"\r\n1\r\n}\r\n0\r\n\r\n"
        #expect(try served.send("POST /v1/guests HTTP/1.1\r\nHost: x\r\n\(chunked)").status == 201)

        let socket = try RawSocket(served.path)
        socket.send("POST /v1/groups HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 13\r\n\r\n")
        #expect(String(decoding: try socket.read() ?? [], as: UTF8.self) == "HTTP/1.1 100 Continue\r\n\r\n")
        socket.send("{\"name\":\"eu\"}")
        #expect(RawAnswer(try socket.readToEnd())?.status == 201)
    }

    @Test func aRequestMayComeByteForByte() throws {
        let served = try ServedManager()
        let socket = try RawSocket(served.path)
        for character in "POST /v1/groups HTTP/1.1\r\nHost: x\r\nContent-Length: 13\r\n\r\n{\"name\":\"eu\"}" {
            socket.send(String(character))
        }
        #expect(RawAnswer(try socket.readToEnd())?.status == 201)
    }

    @Test func onlyTheFirstRequestIsAnswered() throws {
        let served = try ServedManager()
        let request = "POST /v1/groups HTTP/1.1\r\nHost: x\r\nContent-Length: 13\r\n\r\n{\"name\":\"eu\"}"
        let text = try served.send(request + request.replacing("eu", with: "us"))
        #expect(text.status == 201)
        #expect(!text.body.contains("HTTP/1.1"))
        #expect(try served.manager.groups().map(\.name) == ["default", "eu"])
    }

    @Test(arguments: [
        "\r\n\r\n\r\n\r\n", "GET\r\n\r\n", "GET /v1/status\r\n\r\n", "GET /v1/status HTTP/1.1 x\r\n\r\n",
        "\u{1}\u{2}\u{3}\u{4}\r\n\r\n", "GET /v1/status HTTP/9.9\r\n\r\n",
        "GET /v1/status HTTP/1.1\r\nno colon\r\n\r\n",
        "POST /v1/groups HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        "POST /v1/groups HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        "POST /v1/groups HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        "POST /v1/groups HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
        "POST /v1/groups HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        "POST /v1/groups HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "GET /v1/%zz HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /v1/%00 HTTP/1.1\r\nHost: x\r\n\r\n", "GET http://x/v1/status HTTP/1.1\r\nHost: x\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\u{fc}\u{3}\u{3}\u{0}",
    ])
    func garbageIsRefusedAndNobodyElseMinds(text: String) throws {
        let served = try ServedManager()
        let socket = try RawSocket(served.path)
        socket.send(text)
        socket.endSending()
        // Some of it cannot be told from a request that did not end, and gets no answer.
        if let answer = RawAnswer(try socket.readToEnd()) {
            #expect(answer.status == 400)
            #expect(answer.error == "invalid")
        }
        #expect(try served.client.groups().map(\.name) == ["default"])
    }

    @Test func bodiesThatAreTooLongAreRefusedBeforeTheyCome() throws {
        let served = try ServedManager()
        let size = AdminRequest.maximumBody + 1
        let announced = try served.ask("POST", "/v1/guests", fields: "Content-Length: \(size)\r\n")
        #expect(announced.status == 413)
        #expect(announced.error == "invalid")
        let fits = try served.ask("POST", "/v1/guests", String(repeating: " ", count: size - 1))
        #expect(fits.status == 400)
        #expect(fits.message.contains("no JSON"))
    }

    @Test func bodiesWithoutAnEndAreCut() throws {
        let served = try ServedManager()
        let socket = try RawSocket(served.path)
        socket.send("POST /v1/guests HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        let chunk = "10000\r\n" + String(repeating: "x", count: 0x10000) + "\r\n"
        var taken = 0
        for _ in 0..<1000 {
            let count = socket.send(chunk)
            taken += count
            guard count == chunk.utf8.count else { break }
        }
        // What it takes and what the kernel holds.
        #expect(taken < AdminRequest.maximumBody + (8 << 20))
        #expect(RawAnswer(try socket.readToEnd())?.status == 413)
    }

    @Test func headsWithoutAnEndAreCut() throws {
        let served = try ServedManager()
        let xs = String(repeating: "x", count: 1 << 16)
        for (beginning, filling) in [
            ("GET /", xs), ("GET /v1/status HTTP/1.1\r\nHost: x\r\n", xs),
            ("GET /v1/status HTTP/1.1\r\nHost: x\r\n", String(repeating: "x: y\r\n", count: 10_000)),
        ] {
            let socket = try RawSocket(served.path)
            socket.send(beginning)
            var taken = 0
            for _ in 0..<1000 {
                let count = socket.send(filling)
                taken += count
                guard count == filling.utf8.count else { break }
            }
            #expect(taken < 8 << 20)
            #expect(RawAnswer(try socket.readToEnd())?.status == 431)
        }
        #expect(try served.client.groups().count == 1)
    }

    @Test func whoDoesNotFinishIsDisconnected() throws {
        let served = try ServedManager(patience: .milliseconds(200))
        for text in ["", "GET /v1/st", "POST /v1/guests HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"name\""] {
            let socket = try RawSocket(served.path)
            socket.send(text)
            #expect(try socket.readToEnd() == "")
        }
    }

    @Test func whoDoesNotTakeItsAnswerIsDisconnected() throws {
        let served = try ServedManager(patience: .milliseconds(300))
        for number in 0..<4000 { _ = try served.manager.createGuest(GuestRequest(name: "guest-\(number)")) }
        let socket = try RawSocket(served.path)
        socket.send("GET /v1/guests HTTP/1.1\r\nHost: x\r\n\r\n")
        usleep(1_000_000)
        let text = try socket.readToEnd()
        #expect(text.hasPrefix("HTTP/1.1 200 OK"))
        #expect(!text.hasSuffix("]\n"))
    }

    @Test func manySilentClientsKeepNobodyOut() throws {
        let served = try ServedManager()
        let silent = try (0..<200).map { _ in try RawSocket(served.path) }
        let half = try RawSocket(served.path)
        half.send("POST /v1/guests HTTP/1.1\r\nHost: x\r\n")
        for _ in 0..<20 { #expect(try served.client.groups().count == 1) }
        withExtendedLifetime((silent, half)) {}
    }

    @Test func clientsBeyondTheLimitWaitForTheirTurn() throws {
        let served = try ServedManager(patience: .milliseconds(500))
        let silent = try (0..<AdminServer.maximumConnections).map { _ in try RawSocket(served.path) }
        let late = try (0..<200).map { _ in try RawSocket(served.path) }
        // It is served when the patience with the others ends.
        #expect(try served.client.groups().count == 1)
        withExtendedLifetime((silent, late)) {}
    }

    @Test func aTPMThatHangsKeepsNobodyFromTheStatus() throws {
        let isHanging = Mutex(false)
        let ends = DispatchSemaphore(value: 0)
        let served = try ServedManager(delay: { if isHanging.withLock({ $0 }) { ends.wait() } })
        isHanging.withLock { $0 = true }
        let waiting = try (0..<40).map { _ in
            let socket = try RawSocket(served.path)
            socket.send("GET /v1/guests HTTP/1.1\r\nHost: x\r\n\r\n")
            return socket
        }
        #expect(try served.client.status().version == "0.1.0")
        isHanging.withLock { $0 = false }
        for _ in waiting { ends.signal() }
        for socket in waiting { #expect(RawAnswer(try socket.readToEnd())?.status == 200) }
    }
}
