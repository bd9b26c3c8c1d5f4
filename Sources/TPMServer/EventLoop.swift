import Dispatch
import Glibc
import Synchronization

/// Waits for sockets and tells their owners, all on the thread that called ``run()``.
///
/// It is poll(2) and no more, because a round trip of the shortest commands costs about what its system calls cost.
/// Everything but ``perform(_:)`` belongs to the loop's thread.
final class EventLoop: @unchecked Sendable {
    /// Which socket of the loop.
    struct Slot { fileprivate let index: Int }

    /// What wakes a source.
    struct Interest: OptionSet {
        let rawValue: Int16
        static let readable = Interest(rawValue: Int16(POLLIN))
        static let writable = Interest(rawValue: Int16(POLLOUT))
        /// The peer is gone, or the socket failed: it is told whatever the interest.
        static let gone = Interest(rawValue: Int16(POLLHUP | POLLERR | POLLNVAL))
    }

    /// Where a source reads to: one buffer for all, as one reads at a time.
    let readBuffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 16)
    private var descriptors: [pollfd] = []
    private var sources: [(any EventSource)?] = []
    private var isStopped = false
    /// Closures of other threads, and the pipe whose bytes wake the loop for them.
    private let posted = Mutex<[@Sendable () -> Void]>([])
    private let wakeReader: Int32
    private let wakeWriter: Int32

    init() throws(ListenError) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw ListenError("No pipe can be made: \(lastError()).") }
        (wakeReader, wakeWriter) = (ends[0], ends[1])
        for end in ends { makeNonBlocking(end) }
        descriptors = [pollfd(fd: wakeReader, events: Interest.readable.rawValue, revents: 0)]
        sources = [nil]
    }

    deinit {
        close(wakeReader)
        close(wakeWriter)
        readBuffer.deallocate()
    }

    /// Watches a socket until ``remove(_:)``.
    func add(_ source: any EventSource, _ descriptor: Int32, _ interest: Interest) -> Slot {
        let entry = pollfd(fd: descriptor, events: interest.rawValue, revents: 0)
        // Slot 0 is the pipe's, and has no source.
        if let free = sources.dropFirst().firstIndex(where: { $0 == nil }) {
            descriptors[free] = entry
            sources[free] = source
            return Slot(index: free)
        }
        descriptors.append(entry)
        sources.append(source)
        return Slot(index: sources.count - 1)
    }

    func setInterest(_ slot: Slot, _ interest: Interest) {
        descriptors[slot.index].events = interest.rawValue
    }

    func remove(_ slot: Slot) {
        // poll(2) passes over a negative descriptor.
        descriptors[slot.index] = pollfd(fd: -1, events: 0, revents: 0)
        sources[slot.index] = nil
    }

    /// Runs `body` on the loop's thread, soon. Callable from any thread.
    func perform(_ body: @escaping @Sendable () -> Void) {
        let isFirst = posted.withLock { bodies in
            bodies.append(body)
            return bodies.count == 1
        }
        var byte: UInt8 = 0
        if isFirst { _ = write(wakeWriter, &byte, 1) }
    }

    /// Serves until ``stop()``.
    func run() {
        while !isStopped {
            guard wait() > 0 else { continue }
            if descriptors[0].revents != 0 { runPosted() }
            // A source may add others, which have nothing to tell yet, and remove any.
            for index in descriptors.indices.dropFirst() where descriptors[index].revents != 0 {
                let events = Interest(rawValue: descriptors[index].revents)
                descriptors[index].revents = 0
                sources[index]?.ready(events)
            }
        }
    }

    func stop() { isStopped = true }

    /// How long the loop looks again and again after an event before it sleeps, in nanoseconds: to be woken costs more
    /// than the shortest command, and a client that talks mostly goes on talking.
    private static let patience: UInt64 = 50_000
    private var lastEvent: UInt64 = 0

    private func wait() -> Int32 {
        let count = nfds_t(descriptors.count)
        while DispatchTime.now().uptimeNanoseconds &- lastEvent < Self.patience {
            let ready = poll(&descriptors, count, 0)
            if ready != 0 { return note(ready) }
            sched_yield()
        }
        return note(poll(&descriptors, count, -1))
    }

    private func note(_ ready: Int32) -> Int32 {
        lastEvent = DispatchTime.now().uptimeNanoseconds
        return ready
    }

    private func runPosted() {
        var bytes = [UInt8](repeating: 0, count: 64)
        while read(wakeReader, &bytes, bytes.count) > 0 {}
        let bodies = posted.withLock { bodies in
            defer { bodies = [] }
            return bodies
        }
        for body in bodies { body() }
    }
}

/// Owns a socket that an ``EventLoop`` watches.
protocol EventSource: AnyObject {
    func ready(_ events: EventLoop.Interest)
}

/// Reads and writes of `descriptor` return at once from here on, and no child process inherits it.
func makeNonBlocking(_ descriptor: Int32) {
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
}
