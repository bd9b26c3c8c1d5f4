import Foundation
import TPMClient
import TPMCrypto
import TPMEngine
import TPMWire

/// What engines cost in memory, in this process.
enum Memory {
    static let limit = 64 << 10
    private static let count = 40

    /// Bytes of an engine beyond the first, by which the process grew: it has an endorsement key, an owner and a
    /// storage root key, and used them, so that all that it keeps for computing is there.
    static func ofAnEngine() throws -> Int {
        var engines = [try Engine()]
        let before = residentBytes
        for _ in 0..<count { engines.append(try Engine()) }
        return withExtendedLifetime(engines) { (residentBytes - before) / count }
    }

    /// Bytes of a process, where those that it shares with others count in part (PSS).
    static func ofProcess(_ identifier: Int32) throws -> Int {
        let text = try String(contentsOfFile: "/proc/\(identifier)/smaps_rollup", encoding: .utf8)
        let line = text.split(separator: "\n").first { $0.hasPrefix("Pss:") }
        guard let kibibytes = line?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
            throw BenchmarkFailure(description: "/proc/\(identifier)/smaps_rollup has no Pss")
        }
        return kibibytes * 1024
    }

    private final class Engine {
        private var tpm = TPM()

        init() throws {
            tpm.initialize()
            let client = TPMClient(InProcessTransport { [unowned self] in tpm.execute($0).response })
            try client.execute(Startup.self, .init(.clear))
            try Subject.makeOwned(client)
            let sealed = try client.seal(Secret([1]))
            guard try client.unseal(sealed) == Secret([1]) else {
                throw BenchmarkFailure(description: "an engine does not unseal what it sealed")
            }
        }
    }

    /// The resident set, the second number of the file, counted in pages.
    private static var residentBytes: Int {
        guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return 0 }
        let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
    }
}
