import CLinux
import Dispatch
import Glibc
import Synchronization

/// Waits for sockets and tells their owners, all on the thread that called ``run()``.
///
/// It is epoll(7) and no more, because a round trip of the shortest commands costs about what its system calls cost, and
/// the sockets of thousands of TPMs must cost nothing while they are silent. Everything but ``perform(_:)`` belongs to
/// the loop's thread.
final class EventLoop: @unchecked Sendable {
    /// Which socket of the loop.
    struct Slot {
        fileprivate let index: Int
        fileprivate let generation: UInt32
    }

    /// What wakes a source.
    struct Interest: OptionSet {
        let rawValue: UInt32
        static let readable = Interest(rawValue: EPOLLIN.rawValue)
        static let writable = Interest(rawValue: EPOLLOUT.rawValue)
        /// The peer is gone, or the socket failed: it is told whatever the interest.
        static let gone = Interest(rawValue: EPOLLHUP.rawValue | EPOLLERR.rawValue)
    }

    private struct Entry {
        var descriptor: Int32 = -1
        var source: (any EventSource)?
        /// Tells an event of the source that is here from one of the source that was.
        var generation: UInt32 = 0
    }

    /// Where a source reads to: one buffer for all, as one reads at a time.
    let readBuffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 16)
    private let queue: Int32
    private var entries: [Entry] = []
    private var free: [Int] = []
    private var events = [epoll_event](repeating: epoll_event(), count: 64)
    private var isStopped = false
    /// What is to be done at a time, in nanoseconds of the uptime; the next is the last.
    private var timers: [(time: UInt64, body: () -> Void)] = []
    /// Closures of other threads, and the descriptor that wakes the loop for them.
    private let posted = Mutex<[@Sendable () -> Void]>([])
    private let waker: Int32
    /// The tag of the waker, which no slot has.
    private static let wakerTag = UInt64.max

    init() throws(ListenError) {
        queue = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard queue >= 0 else { throw ListenError("No event queue can be made: \(lastError()).") }
        waker = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard waker >= 0, control(EPOLL_CTL_ADD, waker, .readable, Self.wakerTag) else {
            let reason = lastError()
            close(queue)
            throw ListenError("No event queue can be made: \(reason).")
        }
    }

    deinit {
        close(waker)
        close(queue)
        readBuffer.deallocate()
    }

    /// Watches a socket until ``remove(_:)``. One that cannot be watched is told to be gone.
    func add(_ source: any EventSource, _ descriptor: Int32, _ interest: Interest) -> Slot {
        let index = free.popLast() ?? entries.count
        if index == entries.count { entries.append(Entry()) }
        entries[index].descriptor = descriptor
        entries[index].source = source
        let slot = Slot(index: index, generation: entries[index].generation)
        if !control(EPOLL_CTL_ADD, descriptor, interest, slot.tag) {
            let gone = Unheard(loop: self, slot: slot)
            perform { gone.loop.tell(gone.slot, .gone) }
        }
        return slot
    }

    func setInterest(_ slot: Slot, _ interest: Interest) {
        _ = control(EPOLL_CTL_MOD, entries[slot.index].descriptor, interest, slot.tag)
    }

    /// Watches it no more; to be called before the descriptor is closed.
    func remove(_ slot: Slot) {
        _ = control(EPOLL_CTL_DEL, entries[slot.index].descriptor, [], slot.tag)
        entries[slot.index].source = nil
        entries[slot.index].generation &+= 1
        free.append(slot.index)
    }

    private func control(_ operation: Int32, _ descriptor: Int32, _ interest: Interest, _ tag: UInt64) -> Bool {
        var event = epoll_event(events: interest.rawValue, data: epoll_data_t(u64: tag))
        return epoll_ctl(queue, operation, descriptor, &event) == 0
    }

    private func tell(_ slot: Slot, _ events: Interest) {
        guard entries[slot.index].generation == slot.generation else { return }
        entries[slot.index].source?.ready(events)
    }

    private struct Unheard: @unchecked Sendable {
        let loop: EventLoop
        let slot: Slot
    }

    /// Runs `body` on the loop's thread, soon. Callable from any thread.
    func perform(_ body: @escaping @Sendable () -> Void) {
        let isFirst = posted.withLock { bodies in
            bodies.append(body)
            return bodies.count == 1
        }
        if isFirst { eventfd_write(waker, 1) }
    }

    /// Runs `body` on the loop's thread after a time.
    func after(milliseconds: Int, _ body: @escaping () -> Void) {
        let time = Self.now &+ UInt64(clamping: milliseconds) &* 1_000_000
        timers.insert((time, body), at: timers.firstIndex { $0.time <= time } ?? timers.endIndex)
    }

    private static var now: UInt64 { DispatchTime.now().uptimeNanoseconds }

    private func runTimers() {
        while let next = timers.last, next.time <= Self.now {
            timers.removeLast()
            next.body()
        }
    }

    /// Serves until ``stop()``.
    func run() {
        while !isStopped {
            let count = wait()
            if !timers.isEmpty { runTimers() }
            guard count > 0 else { continue }
            // A source may add others and remove any, whose events are then those of nobody.
            for index in 0..<Int(count) {
                let event = events[index]
                if event.data.u64 == Self.wakerTag {
                    runPosted()
                } else if let slot = Slot(tag: event.data.u64) {
                    tell(slot, Interest(rawValue: event.events))
                }
            }
        }
    }

    func stop() { isStopped = true }

    /// How long the loop looks again and again after an event before it sleeps, in nanoseconds: to be woken costs more
    /// than the shortest command, and a client that talks mostly goes on talking.
    private static let patience: UInt64 = 50_000
    private var lastEvent: UInt64 = 0

    private func wait() -> Int32 {
        let room = Int32(events.count)
        while Self.now &- lastEvent < Self.patience {
            let ready = epoll_wait(queue, &events, room, 0)
            if ready != 0 { return note(ready) }
            sched_yield()
        }
        return note(epoll_wait(queue, &events, room, untilTimer))
    }

    /// The milliseconds until the next timer, rounded up; -1 without one.
    private var untilTimer: Int32 {
        guard let next = timers.last else { return -1 }
        let now = Self.now
        return next.time <= now ? 0 : Int32(clamping: (next.time - now) / 1_000_000 + 1)
    }

    private func note(_ ready: Int32) -> Int32 {
        if ready > 0 { lastEvent = Self.now }
        return ready
    }

    private func runPosted() {
        var count: eventfd_t = 0
        eventfd_read(waker, &count)
        let bodies = posted.withLock { bodies in
            defer { bodies = [] }
            return bodies
        }
        for body in bodies { body() }
    }
}

extension EventLoop.Slot {
    /// What the kernel keeps with a socket.
    fileprivate var tag: UInt64 { UInt64(generation) << 32 | UInt64(truncatingIfNeeded: index) }

    /// Nil for the waker's.
    fileprivate init?(tag: UInt64) {
        guard tag != .max else { return nil }
        index = Int(tag & 0xffff_ffff)
        generation = UInt32(tag >> 32)
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
