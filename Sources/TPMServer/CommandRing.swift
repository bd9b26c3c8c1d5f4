import TPMEngine

/// A memory that one client shares with the TPM, and an event by which each tells the other of a change: a ring of Xen.
///
/// Once it was given to a server, all calls come on that server's thread.
public protocol CommandRing: AnyObject, Sendable {
    /// Readable when the client gave notice.
    var descriptor: Int32 { get }

    /// Takes the notice. False when none will come any more.
    func acknowledge() -> Bool

    /// What the client wants.
    ///
    /// - Parameter isBusy: true while a command from here is executed; another one is not taken then.
    func take(isBusy: Bool) -> RingRequest

    /// Gives the client the answer to its command.
    func finish(_ answer: [UInt8])

    /// Tells the client that no command is executed, and that there is no answer.
    func idle()

    /// Gives the memory back; nothing is called after that.
    func close()
}

/// What a client of a ``CommandRing`` wants.
public enum RingRequest: Sendable {
    case nothing
    case command([UInt8], Locality)
    /// Bytes that can be no command, with their answer.
    case refused([UInt8])
    /// The end of the command that is executed, if one is.
    case cancel
}

/// Why a ``CommandRing`` was closed.
public enum RingEnd: Sendable {
    /// It brings no notice any more.
    case ringFailed
    case serverEnded
}

/// Serves a ring: one command at a time, since there is one place for it.
final class RingDoor: EventSource, CommandClient {
    private let ring: any CommandRing
    private let loop: EventLoop
    private let queue: CommandQueue
    private let whenGone: (RingDoor, RingEnd) -> Void
    private var slot: EventLoop.Slot?
    private var isBusy = false
    private var isCancelled = false
    /// What to do when it is closed, once the command that is executed was answered.
    private var whenClosed: (() -> Void)?

    /// - Parameter whenGone: called when the ring was closed by ``end(_:)``.
    init(_ ring: any CommandRing, loop: EventLoop, queue: CommandQueue, whenGone: @escaping (RingDoor, RingEnd) -> Void)
    {
        self.ring = ring
        self.loop = loop
        self.queue = queue
        self.whenGone = whenGone
        slot = loop.add(self, ring.descriptor, .readable)
    }

    func isOf(_ ring: any CommandRing) -> Bool { self.ring === ring }

    func ready(_ events: EventLoop.Interest) {
        guard slot != nil, whenClosed == nil else { return }
        guard ring.acknowledge() else { return end(.ringFailed) }
        serve()
    }

    /// Closes it, and tells.
    func end(_ reason: RingEnd) {
        close()
        whenGone(self, reason)
    }

    /// Does what the client wants; also to be called at first, for what came before the ring was here.
    func serve() {
        switch ring.take(isBusy: isBusy) {
        case .nothing: break
        case .command(let command, let locality):
            isBusy = true
            isCancelled = false
            if let answer = queue.submit(command, locality: locality, from: self) { receive(answer) }
        case .refused(let answer): ring.finish(answer)
        case .cancel where isBusy:
            isCancelled = true
            queue.cancel()
        case .cancel: ring.idle()
        }
    }

    func receive(_ answer: [UInt8]) {
        isBusy = false
        guard slot != nil else { return }
        // What came to its end before it could be cancelled has had its effect, and its answer is given.
        if isCancelled, answer == TPM.failure(.fail) { ring.idle() } else { ring.finish(answer) }
        if whenClosed != nil { close() }
    }

    /// The command was not executed; it stays in the ring for whoever serves it next.
    func forget() {
        isBusy = false
        if whenClosed != nil { close() }
    }

    /// Gives the ring back when the command that is executed was answered: it has had its effect, and whoever serves the ring
    /// next must not find it there again.
    func close(_ done: @escaping () -> Void) {
        whenClosed = done
        if isBusy, queue.withdraw(self) { isBusy = false }
        if !isBusy { close() }
    }

    private func close() {
        guard let slot else { return }
        self.slot = nil
        loop.remove(slot)
        ring.close()
        // It may hold this door.
        let done = whenClosed
        whenClosed = nil
        done?()
    }
}
