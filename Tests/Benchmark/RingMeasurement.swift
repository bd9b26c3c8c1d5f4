import Glibc
import Logging
import SimulatedXen
import TPMClient
import TPMEngine
import TPMWire
import XenBackend

/// What the way through the ring of a domain of Xen costs beyond the engine: the same commands go to an engine that is called
/// directly, to one behind a ring that is looked at as soon as the command is in it, and to one behind a whole backend, whose
/// thread hears of the command by the event channel. The xenstore, the page and the channel are simulated; the front end
/// looks for the answer without sleeping.
struct RingMeasurement {
    private static let samples = 4000
    /// How often each is called before it is the next one's turn.
    private static let turn = 20
    private static let limit = Duration.microseconds(10)

    private static let commands: [(name: String, bytes: [UInt8])] = [
        ("PcrRead", [0, 0xc1, 0, 0, 0, 14, 0, 0, 0, 0x15, 0, 0, 0, 10]),
        ("Extend", [0, 0xc1, 0, 0, 0, 34, 0, 0, 0, 0x14, 0, 0, 0, 10] + [UInt8](repeating: 7, count: 20)),
    ]

    /// Cells of the table.
    func run() throws -> [[String]] {
        let engine = try BareEngine()
        let ways: [(name: String, transport: any Transport)] = [
            ("ring looked at at once", try BareRing()), ("event channel and the backend's thread", try ServedRing()),
        ]
        return try Self.commands.flatMap { command in
            let medians = try Self.medians([engine] + ways.map(\.transport), command.bytes)
            return zip(ways, medians.dropFirst()).map { way, median in
                let beyond = median - medians[0]
                return [
                    "\(command.name), \(way.name)", median.inMicroseconds, medians[0].inMicroseconds,
                    beyond.inMicroseconds, "at most \(Self.limit.inMicroseconds) µs beyond the engine",
                    beyond <= Self.limit ? "yes" : "NO",
                ]
            }
        }
    }

    private static func medians(_ transports: [any Transport], _ command: [UInt8]) throws -> [Duration] {
        var times = [[Duration]](repeating: [], count: transports.count)
        for _ in 0..<samples / turn {
            for (index, transport) in transports.enumerated() {
                for _ in 0..<turn {
                    var answer: [UInt8] = []
                    times[index].append(try time { answer = try transport.transmit(command) })
                    guard answer.count > 10, answer[6..<10].allSatisfy({ $0 == 0 }) else {
                        throw BenchmarkFailure(description: "a command through a ring failed: \(answer)")
                    }
                }
            }
        }
        return times.map(median)
    }

    /// An engine that is called directly.
    private final class BareEngine: Transport {
        private var tpm = TPM()

        init() throws {
            tpm.initialize()
            try TPMClient(self).execute(Startup.self, .init(.clear))
        }

        func transmit(_ command: [UInt8]) -> [UInt8] { tpm.execute(command).response }

        func execute(_ command: [UInt8], _ locality: Locality) -> [UInt8] {
            tpm.execute(command, locality: locality).response
        }
    }

    /// An engine behind a ring and nothing else.
    private final class BareRing: Transport {
        private let engine: BareEngine
        private let front: FrontRing
        private let ring: DeviceRing

        init() throws {
            engine = try BareEngine()
            let xen = SimulatedXen()
            let domain = try SimulatedToolstack(xen).makeDomain()
            front = FrontRing(domain)
            let bus = xen.bus()
            ring = DeviceRing(
                try bus.map(front.reference, of: domain.id), try bus.bind(front.port.number, of: domain.id))
        }

        deinit { ring.close() }

        func transmit(_ command: [UInt8]) throws -> [UInt8] {
            front.put(command)
            guard case .command(let bytes, let locality) = ring.take(isBusy: false) else {
                throw BenchmarkFailure(description: "the command is not in the ring")
            }
            ring.finish(engine.execute(bytes, locality))
            return front.receive() ?? []
        }
    }

    /// An engine behind a backend.
    private final class ServedRing: Transport {
        private let backend: XenBackend
        private let frontEnd: SimulatedFrontEnd
        private let front: FrontRing

        init() throws {
            let xen = SimulatedXen()
            backend = XenBackend(
                xen.bus(), try SimulatedManager(), logger: Logger(label: "benchmark") { _ in SwiftLogNoOpLogHandler() })
            try backend.start()
            frontEnd = SimulatedFrontEnd(try SimulatedToolstack(xen).create())
            try frontEnd.probe()
            guard let ring = frontEnd.ring else { throw BenchmarkFailure(description: "there is no ring") }
            front = ring
        }

        deinit { backend.stop() }

        func transmit(_ command: [UInt8]) throws -> [UInt8] {
            front.submit(command)
            while !front.isIdle { sched_yield() }
            return front.receive() ?? []
        }
    }
}
