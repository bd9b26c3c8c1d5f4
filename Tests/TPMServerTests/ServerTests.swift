import Glibc
import TPMEngine
import TestSupport
import Testing

@testable import TPMServer

@Suite struct ServerTests {
    private let home: TemporaryDirectory
    private var path: String { home.path + "/tpm.sock" }

    init() throws { home = try TemporaryDirectory() }

    private func server(store: (any StateStore)? = nil, maximumConnections: Int = 64) throws -> RunningServer {
        var options = Server.Options()
        options.maximumConnections = maximumConnections
        return try RunningServer(store: store, at: [.unix(path: path)], options: options)
    }

    @Test func clientsComeAndGo() throws {
        let running = try server()
        for _ in 0..<3 {
            let client = try RawClient(unix: path)
            #expect(returnCode(client.transmit(pcrRead)) == 0)
            #expect(client.transmit(pcrRead).count == 30)
        }
        running.end()
    }

    @Test func severalAddressesServeOneTPM() throws {
        let running = try RunningServer(at: [.tcp(host: "127.0.0.1", port: 0), .unix(path: path)])
        guard case .tcp(_, let port) = running.addresses[0] else {
            Issue.record("no port")
            return
        }
        let (one, two) = (try RawClient(port: port), try RawClient(unix: path))
        let before = two.transmit(pcrRead)
        #expect(returnCode(one.transmit(extend(1))) == 0)
        #expect(two.transmit(pcrRead) != before)
        #expect(two.transmit(pcrRead) == one.transmit(pcrRead))
        running.end()
    }

    @Test func twoClientsShareOneTPM() throws {
        let running = try server()
        let (one, two) = (try RawClient(unix: path), try RawClient(unix: path))
        var values: Set<[UInt8]> = []
        for round in UInt8(0)..<20 {
            let (client, other) = round % 2 == 0 ? (one, two) : (two, one)
            #expect(returnCode(client.transmit(extend(round))) == 0)
            let seen = other.transmit(pcrRead)
            #expect(seen == client.transmit(pcrRead))
            values.insert(seen)
        }
        #expect(values.count == 20)
        running.end()
    }

    @Test func commandsThatWaitForTheWorkerAreAnsweredInOrder() throws {
        let running = try server()
        let clients = try (0..<4).map { _ in try RawClient(unix: path) }
        for client in clients { client.send(selfTestFull + pcrRead + selfTestFull + pcrRead) }
        for client in clients {
            let sizes = (0..<4).map { _ in client.answer().count }
            #expect(sizes == [10, 30, 10, 30])
        }
        running.end()
    }

    @Test func bytesMayArriveOneByOne() throws {
        let running = try server()
        let client = try RawClient(unix: path)
        for byte in pcrRead { client.send([byte]) }
        #expect(client.answer().count == 30)
        running.end()
    }

    @Test func manyCommandsMayArriveAtOnce() throws {
        let running = try server()
        let client = try RawClient(unix: path)
        client.send((0..<250).flatMap { _ in pcrRead })
        for _ in 0..<250 { #expect(client.answer().count == 30) }
        running.end()
    }

    @Test func aClientThatLeavesInTheMiddleOfACommandHarmsNobody() throws {
        let running = try server()
        for count in 1..<pcrRead.count {
            let client = try RawClient(unix: path)
            client.send(Array(pcrRead[..<count]))
            client.disconnect()
        }
        #expect(try RawClient(unix: path).transmit(pcrRead).count == 30)
        running.end()
    }

    @Test func aClientThatDoesNotWaitForItsAnswerHarmsNobody() throws {
        let running = try server()
        for command in [selfTestFull, pcrRead] {
            let client = try RawClient(unix: path)
            client.send(command + command)
            client.disconnect()
        }
        #expect(try RawClient(unix: path).transmit(pcrRead).count == 30)
        running.end()
    }

    @Test func aClientThatOnlyStoppedSendingIsAnswered() throws {
        let running = try server()
        let client = try RawClient(unix: path)
        client.send(selfTestFull + pcrRead)
        client.finish()
        #expect(client.answer().count == 10)
        #expect(client.answer().count == 30)
        #expect(client.isAtEnd)
        running.end()
    }

    @Test(arguments: [
        Array("GET / HTTP/1.1\r\n\r\n".utf8), [0, 0xc1, 0, 0, 0, 9, 0, 0, 0, 0x15], [0, 0xc1, 0, 0, 0x10, 1],
        [UInt8](repeating: 0xff, count: 4096),
    ])
    func garbageIsAnsweredWithAnErrorAndTheConnectionClosed(bytes: [UInt8]) throws {
        let running = try server()
        let client = try RawClient(unix: path)
        client.send(pcrRead + bytes)
        #expect(client.answer().count == 30)
        #expect(client.answer() == [0, 0xc4, 0, 0, 0, 10, 0, 0, 0, 25])
        #expect(client.isAtEnd)
        #expect(try RawClient(unix: path).transmit(pcrRead).count == 30)
        running.end()
    }

    @Test func aClientThatReadsNothingHoldsUpNobody() throws {
        let running = try server()
        let lazy = try RawClient(unix: path)
        // More answers than the kernel keeps for it: the server stops reading from it.
        var commands = 0
        while lazy.offers(getRandom(255)) { commands += 1 }
        #expect(try RawClient(unix: path).transmit(pcrRead).count == 30)
        // And goes on when it does read.
        for _ in 0..<commands { #expect(lazy.answer().count == 14 + 255) }
        running.end()
    }

    @Test func clientsBeyondTheLimitWaitUntilOneLeaves() throws {
        let running = try server(maximumConnections: 2)
        let (one, two) = (try RawClient(unix: path), try RawClient(unix: path))
        #expect(one.transmit(pcrRead).count == 30)
        #expect(two.transmit(pcrRead).count == 30)
        let three = try RawClient(unix: path)
        three.send(pcrRead)
        #expect(two.transmit(pcrRead).count == 30)
        #expect(three.hasNothing)
        one.disconnect()
        #expect(three.answer().count == 30)
        running.end()
    }

    @Test func whatAClientWasAnsweredIsInTheStore() throws {
        let store = try StateDirectory(home.path)
        let running = try server(store: store)
        #expect(returnCode(try RawClient(unix: path).transmit(presenceEnable)) == 0)
        #expect(try store.load()?.permanent.flags.physicalPresenceCMDEnable == true)
        running.end()
    }

    @Test func aStoreThatFailsRefusesWhatNeedsIt() throws {
        let store = MemoryStore()
        let running = try server(store: store)
        let (one, two) = (try RawClient(unix: path), try RawClient(unix: path))
        store.setFailure(.full)
        #expect(returnCode(one.transmit(presenceEnable)) == 17)
        #expect(returnCode(two.transmit(pcrRead)) == 0)
        store.setFailure(nil)
        #expect(returnCode(one.transmit(presenceEnable)) == 0)
        running.end()
    }

    @Test func theEndFinishesTheRunningCommandAndClosesAll() throws {
        let running = try server()
        let client = try RawClient(unix: path)
        #expect(client.transmit(pcrRead).count == 30)
        running.end()
        #expect(client.isAtEnd)
        #expect(home.files.isEmpty)
    }
}
