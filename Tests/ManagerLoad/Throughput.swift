import Foundation
import Synchronization
import TPMClient
import TPMWire

/// Commands a second of all guests together, each over connections that wait for one answer after the other.
struct Throughput: Sendable {
    enum Load: Sendable {
        /// TPM_PCRRead, which changes nothing.
        case read
        /// TPM_NV_WriteValue by the owner, which is answered when it is durable.
        case write

        init(named name: String) throws {
            switch name {
            case "read": self = .read
            case "write": self = .write
            default: throw LoadFailure("\(name): it is read or write that is measured")
            }
        }
    }

    let addresses: [TPMAddress]
    let connections: Int
    let duration: Duration

    /// A line: the commands that were answered a second, and the milliseconds of the slowest.
    func measure(_ load: Load) throws -> String {
        let total = Mutex((count: 0, slowest: Duration.zero, failure: String?.none))
        // All are connected, and have a session, before the clock starts.
        let (ready, done) = (DispatchGroup(), DispatchGroup())
        let start = DispatchSemaphore(value: 0)
        for index in 0..<connections {
            let address = addresses[index % addresses.count]
            ready.enter()
            done.enter()
            Thread {
                defer { done.leave() }
                do {
                    let client: TPMClient
                    let command: () throws -> Void
                    do {
                        defer { ready.leave() }
                        client = TPMClient(try address.open(timeout: .seconds(60)))
                        command = try Self.command(load, client)
                    }
                    start.wait()
                    let (count, slowest) = try run(command)
                    total.withLock { $0 = ($0.count + count, max($0.slowest, slowest), $0.failure) }
                } catch {
                    total.withLock { $0.failure = "\(address): \(error)" }
                }
            }.start()
        }
        ready.wait()
        let began = ContinuousClock.now
        for _ in 0..<connections { start.signal() }
        done.wait()
        let taken = (ContinuousClock.now - began) / .seconds(1)
        let (count, slowest, failure) = total.withLock { $0 }
        if let failure { throw LoadFailure(failure) }
        return String(format: "%.0f commands/s, slowest %.1f ms", Double(count) / taken, slowest / .milliseconds(1))
    }

    private static func command(_ load: Load, _ client: TPMClient) throws -> () throws -> Void {
        switch load {
        case .read: return { _ = try client.pcr(10) }
        case .write:
            let session = try client.oiap(Place.ownersArea.secret, continues: true)
            var number: UInt64 = 0
            return {
                number += 1
                try Place.ownersArea.write(number, to: client, session)
            }
        }
    }

    private func run(_ command: () throws -> Void) throws -> (count: Int, slowest: Duration) {
        var (count, slowest) = (0, Duration.zero)
        let end = ContinuousClock.now + duration
        var now = ContinuousClock.now
        while now < end {
            try command()
            let answered = ContinuousClock.now
            slowest = max(slowest, answered - now)
            now = answered
            count += 1
        }
        return (count, slowest)
    }
}
