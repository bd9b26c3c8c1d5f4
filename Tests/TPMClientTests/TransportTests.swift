import Foundation
import Glibc
import TPMClient
import TPMCrypto
import TPMEngine
import TPMWire
import Testing

@Suite struct TransportTests {
    private let success: [UInt8] = [0, 0xc4, 0, 0, 0, 10, 0, 0, 0, 0]
    private let command = [UInt8](repeating: 0, count: 10)

    @Test(arguments: [
        "tcp:localhost:2321", "tcp:10.0.0.1:1", "tcp:[::1]:65535", "unix:/run/tpm", "unix:tpm", "/dev/tpm0",
    ])
    func `An address is written as it is read`(text: String) throws {
        #expect(try TPMAddress(text).description == text)
    }

    @Test(arguments: [
        "", "tpm0", "localhost:2321", "tcp:", "tcp:localhost", "tcp:localhost:", "tcp:localhost:0",
        "tcp:localhost:65536",
        "tcp:localhost:+1x", "tcp::2321", "tcp:[]:1", "tcp:::1:2321", "tcp:a\0b:1", "unix:", "unix:/a\0b", "/dev/\0",
    ])
    func `What is no address says so`(text: String) {
        #expect(throws: ClientError.self) { try TPMAddress(text) }
    }

    @Test(arguments: [true, false])
    func `A TPM answers over a socket`(unix: Bool) throws {
        let server = try SocketServer(unix: unix) { connection in
            guard let test = try? TappedTPM() else { return }
            while let command = SocketServer.command(from: connection) {
                SocketServer.send(connection, test.execute(command))
            }
        }
        let client = TPMClient(try server.address.open())
        let digest = SHA1.hash(Array("event".utf8))
        try client.extend(3, with: digest)
        #expect(try client.pcr(3) == SHA1.hash(Digest.zero, digest))
    }

    @Test func `An answer may come in pieces, and be longer than usual`() throws {
        let size = 5000
        let long: [UInt8] = [0, 0xc4, 0, 0, 0x13, 0x88] + [UInt8](repeating: 9, count: size - 6)
        let server = try SocketServer.answering(
            [long[0]], Array(long[1..<7]), Array(long[7..<4500]), Array(long[4500...]))
        let transport = try SocketTransport(server.address)
        for _ in 0..<2 { #expect(try transport.transmit(command) == long) }
    }

    @Test(
        arguments: [
            ([0, 0xc4, 0, 0, 0, 9, 0, 0, 0, 0], "announced an answer of 9 bytes"),
            ([0, 0xc4, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], "announced an answer of 4294967295 bytes"),
            ([0, 0xc4, 0, 1, 0, 1, 0, 0, 0, 0], "announced an answer of 65537 bytes"),
            ([0, 0xc4, 0, 0, 0, 10, 0, 0, 0, 0, 0], "sent more than its answer"),
        ] as [([UInt8], String)])
    func `A size that no answer has is refused before anything is allocated`(answer: [UInt8], reason: String) throws {
        let server = try SocketServer.answering(answer)
        let transport = try SocketTransport(server.address)
        let error = clientError { try transport.transmit(command) }
        #expect("\(error, default: "none")".contains("\(server.address): \(reason)"))
        #expect(
            clientError { try transport.transmit(command) } == .transport("\(server.address): the connection is closed")
        )
    }

    @Test(arguments: [0, 1, 9, 10, 19])
    func `A connection that closes before the answer is whole is an error`(bytes: Int) throws {
        let server = try SocketServer { connection in
            _ = SocketServer.command(from: connection)
            let answer: [UInt8] = [0, 0xc4, 0, 0, 0, 20] + [UInt8](repeating: 0, count: 14)
            SocketServer.send(connection, Array(answer[..<bytes]))
        }
        let transport = try SocketTransport(server.address)
        #expect(
            clientError { try transport.transmit(command) }
                == .transport("\(server.address): closed the connection without an answer"))
    }

    @Test func `A connection that closed before the command is an error and no signal`() throws {
        let server = try SocketServer { _ in }
        let transport = try SocketTransport(server.address)
        #expect(clientError { try transport.transmit([UInt8](repeating: 0, count: 1 << 20)) } != nil)
    }

    @Test(arguments: [0, 5, 12])
    func `A TPM that does not answer in time is given up`(bytes: Int) throws {
        let server = try SocketServer { connection in
            while SocketServer.command(from: connection) != nil {
                SocketServer.send(connection, Array([0, 0xc4, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0][..<bytes]))
            }
        }
        let transport = try SocketTransport(server.address, timeout: .milliseconds(20))
        #expect(
            clientError { try transport.transmit(command) } == .transport("\(server.address): did not answer in time"))
    }

    @Test func `An answer that trickles in does not stretch the time`() throws {
        let server = try SocketServer { connection in
            while SocketServer.command(from: connection) != nil {
                SocketServer.send(connection, [0, 0xc4, 0, 0, 0xff, 0xff])
                // Goes on until the client hangs up.
                while Glibc.send(connection, [0], 1, Int32(MSG_NOSIGNAL)) == 1 { usleep(1000) }
            }
        }
        let transport = try SocketTransport(server.address, timeout: .milliseconds(30))
        #expect(
            clientError { try transport.transmit(command) } == .transport("\(server.address): did not answer in time"))
    }

    @Test func `What cannot be reached says why`() throws {
        let address = TPMAddress.unix(path: "/nonexistent/tpm")
        #expect(
            clientError { try address.open() }
                == .transport("cannot connect to unix:/nonexistent/tpm: No such file or directory"))
        let long = TPMAddress.unix(path: String(repeating: "x", count: 200))
        #expect("\(clientError { try long.open() }, default: "none")".contains("File name too long"))
        #expect(
            clientError { try TPMAddress("/nonexistent").open() }
                == .transport("cannot open /nonexistent: No such file or directory"))
    }

    @Test func `A file that is no device is not written to`() throws {
        let path = NSTemporaryDirectory() + "vtpm-\(UUID().uuidString)"
        _ = FileManager.default.createFile(atPath: path, contents: Data("keep".utf8))
        defer { unlink(path) }
        #expect(
            clientError { try TPMAddress(path).open() } == .transport("cannot open \(path): not a character device"))
        #expect(FileManager.default.contents(atPath: path) == Data("keep".utf8))
    }

    @Test func `A character device takes a command in one write and gives its answer in one read`() throws {
        // A pseudo-terminal in raw mode is one.
        var device: Int32 = -1
        var other: Int32 = -1
        var mode = termios()
        cfmakeraw(&mode)
        try #require(openpty(&device, &other, nil, &mode, nil) == 0)
        defer {
            close(device)
            close(other)
        }
        let path = String(cString: try #require(ttyname(other)))
        let transport = try TPMAddress(path).open()
        let (answer, far) = (success, device)
        Thread.detachNewThread {
            _ = SocketServer.command(from: far)
            _ = write(far, answer, answer.count)
        }
        #expect(try transport.transmit(command) == success)
    }
}
