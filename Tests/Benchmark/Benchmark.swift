import Emulators
import Foundation

/// Measures `vtpm emulate` beside Debian's swtpm, both through the same client over a Unix socket, then the ring of a domain
/// of Xen beside the engine alone, then `vtpm manager` with two thousand guests, and prints a table of each. What is too slow
/// or too large is printed and nothing else: the status is 0 unless something did not work.
///
///     vtpm-benchmark [commands|ring|manager]
@main
struct Benchmark {
    static func main() {
        // A peer that closes the connection is an error of the call, not the end of this process.
        signal(SIGPIPE, SIG_IGN)
        do {
            switch CommandLine.arguments.dropFirst().first {
            case nil:
                try commands()
                print("")
                try ring()
                print("")
                try manager()
            case "commands": try commands()
            case "ring": try ring()
            case "manager": try manager()
            default: throw BenchmarkFailure(description: "usage: vtpm-benchmark [commands|ring|manager]")
            }
        } catch {
            FileHandle.standardError.write(Data("vtpm-benchmark: \(error)\n".utf8))
            exit(1)
        }
    }

    private static func ring() throws {
        printTable(
            ["ring path (simulated bus), median", "ring µs", "engine µs", "beyond µs", "target", "met"],
            try RingMeasurement().run())
    }

    private static func manager() throws {
        let rows = try ManagerMeasurement().run()
        print("")
        printTable(
            ["\(ManagerMeasurement.guests) guests of one manager", "vtpm", "swtpm", "ratio", "target", "met"], rows)
    }

    private static func commands() throws {
        let memory = try Memory.ofAnEngine()
        let makers = [{ try Emulator.vtpm() }] + (Emulator.hasSwtpm ? [{ try Emulator.swtpm() }] : [])
        if !Emulator.hasSwtpm { print("swtpm is not installed (apt-get install swtpm): vtpm is measured alone.") }

        // Each new TPM can be owned once. The last of them are those that the rest is measured with.
        var subjects: [Subject] = []
        var taking = [[Duration]](repeating: [], count: makers.count)
        for _ in 0..<5 {
            subjects = try makers.map { try Subject(try $0()) }
            for (index, subject) in subjects.enumerated() { taking[index].append(subject.takingOwnership) }
        }
        let bare = try BareRSA()
        var rows = try measurements(bare: bare).map { try $0.result(of: subjects) }
        rows.append(try fullPool())
        let medians = taking.map(median)
        rows.append(
            Row(
                name: "TakeOwnership", vtpm: medians[0], swtpm: medians.dropFirst().first, target: .none,
                baseline: .zero))
        rows += try testTPMs()
        printTable(["command (median)", "vtpm µs", "swtpm µs", "ratio", "target", "met"], rows.map(\.cells))
        print("")
        print("OpenSSL alone: RSA-2048 private operation \(try bareOperation(bare)) µs (median of 200)")
        print(
            "An engine with an owner costs \(memory / 1024) KiB of resident memory beyond the first; "
                + "target: under \(Memory.limit / 1024) KiB; met: \(memory < Memory.limit ? "yes" : "NO")")
    }

    /// TPM_CreateWrapKey while there are keys in the pool: it gets the time to fill between two commands.
    private static func fullPool() throws -> Row {
        let subject = try Subject(try Emulator.vtpm(keyPool: 4))
        var times: [Duration] = []
        for _ in 0..<9 {
            Thread.sleep(forTimeInterval: 0.5)
            times.append(try timeOfCreateWrapKey(subject))
        }
        return Row(
            name: "CreateWrapKey(2048), key pool full", vtpm: median(times), swtpm: nil,
            target: .atMost(.milliseconds(3)), baseline: .zero)
    }

    private static func bareOperation(_ bare: BareRSA) throws -> String {
        median(try (0..<200).map { _ in try bare.privateOperation() }).inMicroseconds
    }
}

/// What did not work, in a sentence.
struct BenchmarkFailure: Error, CustomStringConvertible {
    let description: String
}
