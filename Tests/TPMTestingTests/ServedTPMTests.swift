import Foundation
import TPMClient
import TPMCrypto
import TPMServer
import TPMTesting
import TPMWire
import Testing

/// A TPM of this process on a socket.
@Suite struct ServedTPMTests {
    private func path() -> String { NSTemporaryDirectory() + "vtpm-\(UUID().uuidString.prefix(8))" }

    private func client(of served: ServedTPM) throws -> TPMClient { TPMClient(try served.clientAddress.open()) }

    @Test(arguments: [false, true])
    func clientsOfASocketUseTheTPM(_ isUnix: Bool) throws {
        let tpm = try TestTPM()
        let served = try tpm.serve(at: isUnix ? .unix(path: path()) : .tcp(host: "127.0.0.1", port: 0))
        let clients = try [client(of: served), client(of: served)]
        let blob = try clients[0].seal(Secret([1, 2, 3]))
        #expect(try clients[1].unseal(blob) == Secret([1, 2, 3]))
        // The test has the TPM meanwhile.
        try tpm.client.extend(7, with: Digest(repeating: 1))
        #expect(try clients[0].pcr(7) == tpm.client.pcr(7))
        tpm.locality = .two
        try clients[0].extend(20, with: Digest(repeating: 1))
        served.stop()
        #expect(throws: ClientError.self) { try clients[0].pcrs() }
        #expect(throws: ClientError.self) { try client(of: served) }
        #expect(try tpm.client.hasOwner())
    }

    @Test func aClientWhosePowerIsLostIsDisconnected() throws {
        let tpm = try TestTPM()
        let served = try tpm.serve()
        let client = try client(of: served)
        tpm.storeFault = .powerLostAfter(write: 1)
        #expect(throws: ClientError.self) { try client.clear(owner: tpm.secrets.owner) }
        try tpm.powerCycle()
        let next = try self.client(of: served)
        #expect(try !next.hasOwner())
    }

    @Test func aSocketIsThereAsLongAsItsObject() throws {
        let tpm = try TestTPM()
        let path = path()
        var served: ServedTPM? = try tpm.serve(at: .unix(path: path))
        _ = try client(of: #require(served)).pcrs()
        served?.stop()
        served?.stop()
        #expect(!FileManager.default.fileExists(atPath: path))
        served = nil
        served = try tpm.serve(at: .unix(path: path))
        served = nil
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test func anAddressInUseIsSaid() throws {
        let tpm = try TestTPM()
        let served = try tpm.serve()
        let error = #expect(throws: ListenError.self) { try tpm.serve(at: served.address) }
        #expect(error?.description.contains("\(served.address)") == true)
    }

    /// Whoever talks garbage holds up nobody.
    @Test func garbageIsAnsweredOrEndsTheConnection() throws {
        let tpm = try TestTPM()
        let served = try tpm.serve()
        let garbage = try served.clientAddress.open()
        #expect(throws: ClientError.self) {
            let answer = try garbage.transmit([UInt8](repeating: 0xff, count: 10))
            #expect(answer.count == 10)
            _ = try garbage.transmit([0, 0xc1, 0, 0, 0, 10, 0, 0, 0, 10])
        }
        _ = try client(of: served).pcrs()
    }

    /// Clients beyond the places wait until one leaves.
    @Test func moreClientsThanPlacesAreServedInTheEnd() throws {
        let tpm = try TestTPM()
        let served = try tpm.serve(at: .unix(path: path()))
        for _ in 0..<3 {
            var clients = try (0..<60).map { _ in try client(of: served) }
            for client in clients { _ = try client.pcr(0) }
            clients = []
        }
        let clients = try (0..<70).map { _ in try client(of: served) }
        for client in clients[..<64] { _ = try client.pcr(0) }
        #expect(clients.count == 70)
    }
}
