import Dispatch
import Glibc
import Logging
import TPMCrypto

/// One run of a guest's engine in a child process, as its manager sees it.
///
/// The process is taken for one that its guest has taken over: what it sends is bounded and looked at before it is used, it
/// is answered one request at a time, and with the first that it should not have done it is killed. All but the work on its
/// requests is done on the loop's thread.
final class EngineProcess: EventSource, @unchecked Sendable {
    /// What it needs of its manager.
    struct Surroundings {
        let loop: EventLoop
        let requests: EngineRequests
        /// Where requests are worked on, one after another.
        let worker: DispatchQueue
        let logger: Logger
        let patience: Patience
    }

    /// How long an engine may take, in milliseconds.
    struct Patience: Sendable {
        /// To start, and to obey.
        var order = 60_000
        /// To send a frame that it began, or to take one.
        var frame = 10_000
    }

    typealias Obeyed = (EngineAnswer) -> Void

    private let child: ChildProcess
    private let surroundings: Surroundings
    /// Its standard error, which is read when it ended.
    private let errors: Int32
    private let whenStarted: () -> Void
    private let whenEnded: (String?) -> Void
    private var slot: EventLoop.Slot?
    private var store: FrameChannel?
    private var orders: FrameChannel?
    /// The first was given, the others wait.
    private var pending: [(order: EngineOrder, obeyed: Obeyed)] = []
    private var orderCount: UInt64 = 0
    private var isStarted = false
    private var isAsking = false
    /// Why it was killed, or said that it ends.
    private var reason: String?
    /// How it ended, when it has.
    private var ending: ChildProcess.Ending?
    private var messages = Allowance(20, oneMoreAfter: 1)
    private var unsaid = 0
    private static let mostUnsaid = 10_000

    private var loop: EventLoop { surroundings.loop }

    /// Starts a program as an engine.
    ///
    /// - Parameters:
    ///   - listeners: the sockets that it shall have, in the order of the configuration's doors.
    ///   - whenStarted: called when it serves.
    ///   - whenEnded: called once when it is gone, with why, or nil when it ended by itself with status 0.
    init(
        _ program: String, _ arguments: [String], listeners: [Int32], in surroundings: Surroundings,
        whenStarted: @escaping () -> Void, whenEnded: @escaping (String?) -> Void
    ) throws(ProcessError) {
        self.surroundings = surroundings
        self.whenStarted = whenStarted
        self.whenEnded = whenEnded
        let (ourStore, itsStore) = try Self.pair()
        defer { close(itsStore) }
        let (ourOrders, itsOrders): (Int32, Int32)
        do throws(ProcessError) { (ourOrders, itsOrders) = try Self.pair() } catch {
            close(ourStore)
            throw error
        }
        defer { close(itsOrders) }
        var ends: [Int32] = [-1, -1]
        do throws(ProcessError) {
            guard pipe(&ends) == 0 else { throw ProcessError("No pipe can be made: \(lastError()).") }
            // A process that nobody reads must not wait for that; the kernel keeps 64 KB.
            for end in ends { makeNonBlocking(end) }
            child = try ChildProcess(program, arguments, keeping: [itsStore, itsOrders] + listeners, errors: ends[1])
        } catch {
            for descriptor in [ourStore, ourOrders] + ends where descriptor >= 0 { close(descriptor) }
            throw error
        }
        close(ends[1])
        errors = ends[0]
        slot = loop.add(self, child.descriptor, .readable)
        store = FrameChannel(
            ourStore, loop: loop, patience: surroundings.patience.frame, whenFrame: { [unowned self] in take($0) },
            whenBroken: { [unowned self] in broke($0) })
        orders = FrameChannel(
            ourOrders, loop: loop, patience: surroundings.patience.frame, whenFrame: { [unowned self] in obeyed($0) },
            whenBroken: { [unowned self] in broke($0) })
        loop.after(milliseconds: surroundings.patience.order) { [weak self] in
            if let self, !isStarted { end("it did not start in time") }
        }
    }

    private static func pair() throws(ProcessError) -> (Int32, Int32) {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw ProcessError("No socket can be made: \(lastError()).")
        }
        return (ends[0], ends[1])
    }

    var id: pid_t { child.id }

    private func broke(_ breach: Breach) {
        switch breach {
        case .wrong(let reason): end(reason)
        case .closed:
            // Most likely it has ended, and how will be heard next.
            loop.after(milliseconds: surroundings.patience.frame) { [weak self] in self?.end("it closed its channel") }
        }
    }

    /// Kills it. It is gone when `whenEnded` is called.
    func end(_ reason: String) {
        guard slot != nil else { return }
        if self.reason == nil { self.reason = reason }
        store?.close()
        orders?.close()
        child.kill()
    }

    // MARK: Orders

    /// Has it do something; `obeyed` is called once, at the latest when it is gone.
    func give(_ order: EngineOrder, _ obeyed: @escaping Obeyed) {
        guard slot != nil else { return obeyed(.failed(.engineGone)) }
        pending.append((order, obeyed))
        if pending.count == 1 { giveNext() }
    }

    private func giveNext() {
        guard let next = pending.first else { return }
        orderCount += 1
        let count = orderCount
        orders?.send(EngineFrame(next.order))
        loop.after(milliseconds: surroundings.patience.order) { [weak self] in
            guard let self, orderCount == count, !pending.isEmpty else { return }
            end("it did not obey in time (\(next.order))")
        }
    }

    private func obeyed(_ frame: EngineFrame) {
        guard !pending.isEmpty, let answer = EngineAnswer(frame) else { return end("it answered what nobody asked") }
        pending.removeFirst().obeyed(answer)
        giveNext()
    }

    // MARK: Requests

    private func take(_ frame: EngineFrame) {
        if let request = StoreRequest(rawValue: frame.kind) {
            guard !isAsking else { return end("it asked before it had its answer") }
            isAsking = true
            let (requests, loop) = (surroundings.requests, loop)
            return surroundings.worker.async { [self] in
                requests.answer(request, frame.body) { [self] answer in loop.perform { self.answer(answer) } }
            }
        }
        switch EngineNotice(rawValue: frame.kind) {
        case .started where !isStarted:
            isStarted = true
            whenStarted()
        case .failed: reason = frame.body.asText
        case .message: log(frame.body)
        default: end("it sent what is no request")
        }
    }

    private func answer(_ answer: EngineAnswer) {
        isAsking = false
        guard let ending else { return store?.send(answer.frame) ?? () }
        finish(ending)
    }

    /// Writes down what an engine says, as long as it does not say much.
    private func log(_ body: Secret) {
        guard let number = body.prefix(1).bytes.first, let level = Logger.Level(number: number) else {
            return end("it sent a message that is none")
        }
        guard messages.take() else {
            unsaid += 1
            // Within a second: it is no log, but a burden on the thread that others are served on.
            if unsaid > Self.mostUnsaid { end("it said more than anybody can read") }
            return
        }
        if unsaid > 0 {
            surroundings.logger.warning("The engine said more than is written down: \(unsaid) messages are left out.")
            unsaid = 0
        }
        surroundings.logger.log(level: level, "\(body.dropFirst(1).asText)")
    }

    // MARK: The end

    func ready(_ events: EventLoop.Interest) {
        guard let slot, let ending = child.reap() else { return }
        self.slot = nil
        loop.remove(slot)
        close(child.descriptor)
        store?.close()
        orders?.close()
        self.ending = ending
        // What it had asked for is done first: the next engine must not begin from what the store is about to replace.
        if !isAsking { finish(ending) }
    }

    private func finish(_ ending: ChildProcess.Ending) {
        let last = lastWords()
        close(errors)
        let words = last.isEmpty ? "" : " Its last words were: \(last)"
        let why = reason ?? (ending == .status(0) ? nil : "\(ending)")
        whenEnded(why.map { "\($0.hasSuffix(".") ? $0 : $0 + ".")\(words)" })
        let left = pending
        pending = []
        for order in left { order.obeyed(.failed(.engineGone)) }
    }

    /// What it wrote on standard error, the end of it.
    private func lastWords() -> String {
        var words: [UInt8] = []
        // As much as a pipe holds.
        for _ in 0..<16 {
            let buffer = loop.readBuffer
            let count = read(errors, buffer.baseAddress, buffer.count)
            guard count > 0 else { break }
            words = Array((words + buffer[..<count]).suffix(EngineFrame.maximumText))
        }
        return Secret(words).asText.trimmed
    }
}

extension StoreError {
    static let engineGone = StoreError("The guest's engine is not there.")
}

extension String {
    /// Without spaces at both ends.
    fileprivate var trimmed: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
