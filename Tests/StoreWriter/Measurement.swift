import Foundation
import Glibc
import Synchronization
import VTPMManager

/// Durable commits a second of many threads, each of which waits for its own, beside what the disk does bare: one
/// thread that writes as many bytes to the end of a file and syncs it.
struct Measurement {
    private let directory: String
    private let size: Int

    init(_ directory: String, size: Int) throws {
        self.directory = directory
        self.size = size
    }

    func run(threads: Int, seconds: Double) throws {
        let before = try bareSyncs(seconds)
        let (commits, syncs, worst) = try durableCommits(threads, seconds)
        let after = try bareSyncs(seconds)
        let bare = (before + after) / 2
        say(
            String(
                format: "%d threads, %d bytes: %.0f durable commits/s in %.0f transactions/s, slowest %.1f ms; "
                    + "bare syncs/s %.0f (%.0f before, %.0f after); %.1f times",
                threads, size, commits, syncs, worst * 1000, bare, before, after, commits / bare))
    }

    private func bareSyncs(_ seconds: Double) throws -> Double {
        let path = directory + ".bare"
        let file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0o600)
        defer {
            close(file)
            unlink(path)
        }
        let bytes = [UInt8](repeating: 7, count: size)
        let clock = ContinuousClock()
        let start = clock.now
        var count = 0
        while clock.now - start < .seconds(seconds) {
            guard write(file, bytes, size) == size, fdatasync(file) == 0 else { return .nan }
            count += 1
        }
        return Double(count) / seconds
    }

    private func durableCommits(_ threads: Int, _ seconds: Double) throws -> (Double, Double, Double) {
        let opened = try OpenedStore(directory)
        let guests = try opened.guests(threads)
        let first = opened.store.nextCheckpoint()
        if let first { try opened.store.confirm(first) }
        let total = Mutex((count: 0, worst: 0.0))
        let clock = ContinuousClock()
        let start = clock.now
        let group = DispatchGroup()
        for guest in guests {
            group.enter()
            Thread {
                var (count, worst) = (0, Duration.zero)
                while clock.now - start < .seconds(seconds) {
                    let begun = clock.now
                    do { try opened.store.setSettings(of: guest, to: record(UInt64(count), size: size)) } catch {
                        say("failed: \(error)")
                        break
                    }
                    worst = max(worst, clock.now - begun)
                    count += 1
                }
                total.withLock { $0 = ($0.count + count, max($0.worst, worst / .seconds(1))) }
                group.leave()
            }.start()
        }
        group.wait()
        let taken = (clock.now - start) / .seconds(1)
        let last = opened.store.nextCheckpoint()
        let result = total.withLock { $0 }
        let syncs = (last?.sequence ?? 0) - (first?.sequence ?? 0)
        return (Double(result.count) / taken, Double(syncs) / taken, result.worst)
    }
}
