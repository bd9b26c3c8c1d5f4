import Foundation
import Glibc
import Synchronization
import VTPMManager

/// Durable commits a second of many threads, each of which waits for its own, beside what the disk does bare: one
/// thread that writes as many bytes to the end of a file and syncs it. Both take turns, so that both meet the same disk.
struct Measurement {
    private static let turns = 10

    private let opened: OpenedStore
    private let bare: BareSyncs
    private let size: Int

    init(_ directory: String, size: Int) throws {
        opened = try OpenedStore(directory)
        bare = BareSyncs(path: directory + ".bare", size: size)
        self.size = size
    }

    func run(threads: Int, seconds: Double) throws {
        let guests = try opened.guests(threads)
        var last = try confirmedCommit() ?? 0
        let turn = Duration.seconds(seconds / Double(Self.turns))
        var (syncs, commits, transactions) = (Rate(), Rate(), Rate())
        var (slowest, processor) = (Duration.zero, Duration.zero)
        for _ in 0..<Self.turns {
            try syncs.add(turn) { try bare.syncs(until: $0) }
            var written = (count: 0, slowest: Duration.zero)
            let before = processorTime()
            commits.add(turn) {
                written = durableCommits(of: guests, until: $0)
                return written.count
            }
            processor += processorTime() - before
            let now = try confirmedCommit() ?? last
            transactions.add(Int(now - last), in: turn)
            last = now
            slowest = max(slowest, written.slowest)
        }
        say(
            String(
                format: "%d threads, %d bytes: %.0f durable commits/s in %.0f transactions/s, slowest %.0f ms, "
                    + "%.0f µs of processor each; bare syncs/s: %.0f; %.1f times as many",
                threads, size, commits.perSecond, transactions.perSecond, slowest / .milliseconds(1),
                processor / .microseconds(1) / Double(max(commits.count, 1)), syncs.perSecond,
                commits.perSecond / syncs.perSecond))
    }

    private struct Rate {
        private(set) var count = 0
        private var taken = Duration.zero

        var perSecond: Double { Double(count) / (taken / .seconds(1)) }

        mutating func add(_ turn: Duration, _ body: (ContinuousClock.Instant) throws -> Int) rethrows {
            let start = ContinuousClock.now
            let done = try body(start + turn)
            add(done, in: ContinuousClock.now - start)
        }

        mutating func add(_ done: Int, in time: Duration) {
            count += done
            taken += time
        }
    }

    /// What this process took of the processors so far.
    private func processorTime() -> Duration {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return [usage.ru_utime, usage.ru_stime].reduce(.zero) {
            $0 + .seconds($1.tv_sec) + .microseconds($1.tv_usec)
        }
    }

    /// The number of the last commit, if there was one since this was called last.
    private func confirmedCommit() throws -> UInt64? {
        guard let checkpoint = opened.store.nextCheckpoint() else { return nil }
        try opened.store.confirm(checkpoint)
        return checkpoint.sequence
    }

    private func durableCommits(
        of guests: [UUID], until end: ContinuousClock.Instant
    ) -> (count: Int, slowest: Duration) {
        let total = Mutex((count: 0, slowest: Duration.zero))
        let group = DispatchGroup()
        for guest in guests {
            group.enter()
            Thread {
                var (count, slowest) = (0, Duration.zero)
                while ContinuousClock.now < end {
                    let start = ContinuousClock.now
                    do { try opened.store.setSettings(of: guest, to: record(UInt64(count), size: size)) } catch {
                        say("failed: \(error)")
                        break
                    }
                    slowest = max(slowest, ContinuousClock.now - start)
                    count += 1
                }
                total.withLock { $0 = ($0.count + count, max($0.slowest, slowest)) }
                group.leave()
            }.start()
        }
        group.wait()
        return total.withLock { $0 }
    }
}
