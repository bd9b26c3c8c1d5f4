import Glibc
import VTPMManager

/// What a disk does bare: one thread that writes to the end of a file and syncs it.
struct BareSyncs {
    let path: String
    /// Bytes of each write.
    let size: Int

    /// Says how many there were a second.
    func run(seconds: Double) throws {
        let start = ContinuousClock.now
        let count = try syncs(until: start + .seconds(seconds))
        say("\(Double(count) / ((ContinuousClock.now - start) / .seconds(1))) syncs/s")
    }

    /// How many there were.
    func syncs(until end: ContinuousClock.Instant) throws -> Int {
        let file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0o600)
        defer {
            close(file)
            unlink(path)
        }
        let bytes = [UInt8](repeating: 7, count: size)
        var count = 0
        while ContinuousClock.now < end {
            guard write(file, bytes, size) == size, fdatasync(file) == 0 else { throw StoreFailure.diskFull(path) }
            count += 1
        }
        return count
    }
}
