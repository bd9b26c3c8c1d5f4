import Emulators
import Foundation
import VTPMManager

/// Two thousand guests in one manager: what each costs in memory and to make, and the commands that all of them get done
/// a second, beside swtpm with a process for each guest.
struct ManagerMeasurement {
    static let guests = 2000
    private static let pool = 64
    private static let writers = 64
    private static let peers = 20
    private static let turns = 5

    /// Cells of the table.
    func run() throws -> [[String]] {
        say("guests are made without a key pool")
        let drained = try createWithoutPool()
        let manager = try ManagerProcess(pool: Self.pool)
        say("the key pool fills")
        try waitForKeys(of: manager)
        let empty = try manager.memory()
        let (full, all) = try createGuests(of: manager)
        let memory = try manager.memory()
        let addresses = try manager.admin.guests().compactMap(\.socket).map { "unix:\($0)" }
        guard addresses.count == Self.guests else {
            throw BenchmarkFailure(description: "\(addresses.count) of \(Self.guests) guests run")
        }
        say("\(Self.writers) guests get owners and NV areas")
        let writing = Array(addresses.prefix(Self.writers))
        _ = try manager.run("vtpm-manager-load", ["own", manager.directory.path + "/kept"] + writing)
        say("commands of \(Self.writers) guests are counted")
        let reads = try rate(of: "read", writing, through: manager)
        let (writes, syncs) = try durableWrites(writing, through: manager)
        let used = try manager.memory()
        say("\(Self.peers) swtpm processes are measured")
        let peer = try ofPeers(through: manager)

        let guest = Double(memory - empty) / Double(Self.guests)
        let usedGuest = Double(used - empty) / Double(Self.guests)
        let peerRatio = peer.map { guest / $0.memory }
        return [
            [
                "memory of a guest, KiB (PSS)", kibibytes(guest), peer.map { kibibytes($0.memory) } ?? "-",
                peerRatio.map { String(format: "%.3f", $0) } ?? "-", "0.1 of swtpm",
                peerRatio.map { met($0 <= 0.1) } ?? "-",
            ],
            ["  after \(Self.writers) of them got owners and wrote", kibibytes(usedGuest), "-", "-", "-", "-"],
            [
                "memory of \(Self.guests) guests, MiB (PSS; swtpm: \(Self.peers), scaled)", mebibytes(Double(memory)),
                peer.map { mebibytes($0.memory * Double(Self.guests)) } ?? "-", "-", "-", "-",
            ],
            ["memory without guests, MiB (PSS)", mebibytes(Double(empty)), "-", "-", "-", "-"],
            ["create a guest, key pool full, ms (median)", milliseconds(full), "-", "-", "-", "-"],
            ["create a guest, key pool empty, ms (median)", milliseconds(drained), "-", "-", "-", "-"],
            ["create \(Self.guests) guests, one after the other, s", whole(all / .seconds(1)), "-", "-", "-", "-"],
            [
                "TPM_PCRRead a second, \(Self.writers) guests (swtpm: \(Self.peers))", whole(reads),
                peer.map { whole($0.reads) } ?? "-", peer.map { String(format: "%.2f", reads / $0.reads) } ?? "-", "-",
                "-",
            ],
            [
                "TPM_NV_WriteValue a second, durable, \(Self.writers) guests", whole(writes), "-", "-",
                "10 times bare syncs: \(whole(10 * syncs))", met(writes >= 10 * syncs),
            ],
            ["bare syncs a second of the same disk", whole(syncs), "-", "-", "-", "-"],
        ]
    }

    // MARK: Creating

    /// Makes all guests. The median is of the first, which find a key each; the time is that of all.
    private func createGuests(of manager: ManagerProcess) throws -> (median: Duration, all: Duration) {
        var times: [Duration] = []
        let start = ContinuousClock.now
        for number in 1...Self.guests {
            times.append(try time { try manager.createGuest(number) })
            if number % 250 == 0 { say("\(number) guests are made") }
        }
        return (median(Array(times.prefix(Self.pool / 2))), ContinuousClock.now - start)
    }

    /// The median for guests whose keys are made when they are.
    private func createWithoutPool() throws -> Duration {
        let manager = try ManagerProcess(pool: 0)
        return median(try (0..<31).map { number in try time { try manager.createGuest(number) } })
    }

    private func waitForKeys(of manager: ManagerProcess) throws {
        for _ in 0..<600 {
            if try manager.admin.status().readyKeys >= Self.pool { return }
            Thread.sleep(forTimeInterval: 0.1)
        }
        throw BenchmarkFailure(description: "the key pool does not fill")
    }

    // MARK: Commands

    /// Durable writes a second, and bare syncs a second of the same disk; both take turns.
    private func durableWrites(
        _ addresses: [String], through manager: ManagerProcess
    ) throws -> (writes: Double, syncs: Double) {
        var (writes, syncs) = (0.0, 0.0)
        for _ in 0..<Self.turns {
            syncs += try number(
                in: manager.run("vtpm-store", ["syncs", manager.directory.path + "/bare", "4096", "1"]))
            writes += try rate(of: "write", addresses, through: manager)
        }
        return (writes / Double(Self.turns), syncs / Double(Self.turns))
    }

    private func rate(of load: String, _ addresses: [String], through manager: ManagerProcess) throws -> Double {
        try number(
            in: manager.run("vtpm-manager-load", ["measure", load, "2", "\(addresses.count)"] + addresses))
    }

    /// The number that a line of output begins with.
    private func number(in output: String) throws -> Double {
        guard let number = output.split(separator: " ").first.flatMap({ Double($0) }), number > 0 else {
            throw BenchmarkFailure(description: "no number: \(output)")
        }
        return number
    }

    // MARK: swtpm

    /// Bytes of a process, and what all of them read a second; nil where there is no swtpm.
    private func ofPeers(through manager: ManagerProcess) throws -> (memory: Double, reads: Double)? {
        guard Emulator.hasSwtpm else { return nil }
        let peers = try (0..<Self.peers).map { _ in try HardwareTPM(.tpm12) }
        let memory = try peers.compactMap(\.identifier).map { try Memory.ofProcess($0) }.reduce(0, +)
        let reads = try rate(of: "read", peers.map { "unix:\($0.socket)" }, through: manager)
        return withExtendedLifetime(peers) { (Double(memory) / Double(Self.peers), reads) }
    }

    // MARK: Words

    /// Tells on the standard error output, which does not wait for more, how far it is.
    private func say(_ progress: String) { FileHandle.standardError.write(Data("… \(progress)\n".utf8)) }
    private func met(_ isMet: Bool) -> String { isMet ? "yes" : "NO" }
    private func kibibytes(_ bytes: Double) -> String { String(format: "%.1f", bytes / 1024) }
    private func mebibytes(_ bytes: Double) -> String { String(format: "%.1f", bytes / 1024 / 1024) }
    private func milliseconds(_ duration: Duration) -> String { String(format: "%.1f", duration / .milliseconds(1)) }
    private func whole(_ number: Double) -> String { String(format: "%.0f", number) }
}
