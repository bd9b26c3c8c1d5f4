import Glibc
import Logging
import TPMEngine

/// One client's socket: takes its commands one after another, and answers each before it reads on.
///
/// So a client holds no more memory than a read and an answer, and one that is slow, silent or talks garbage holds up
/// nobody but itself.
final class Connection: EventSource, CommandClient {
    private let descriptor: Int32
    private let loop: EventLoop
    private let queue: CommandQueue
    private let logger: Logger
    private let whenClosed: (Connection) -> Void
    private var slot: EventLoop.Slot?
    private var framer = MessageFramer()
    /// The rest of an answer that the client did not take yet.
    private var unsent: ArraySlice<UInt8> = []
    /// True from when a command is in the queue until its answer comes.
    private var isWaiting = false
    /// Set at the end of the stream: nothing is read any more, and the last answer ends it.
    private var isEnding = false
    private var interest = EventLoop.Interest.readable

    /// Takes over the socket.
    init(
        _ descriptor: Int32, loop: EventLoop, queue: CommandQueue, logger: Logger,
        whenClosed: @escaping (Connection) -> Void
    ) {
        self.descriptor = descriptor
        self.loop = loop
        self.queue = queue
        self.logger = logger
        self.whenClosed = whenClosed
        slot = loop.add(self, descriptor, interest)
    }

    func ready(_ events: EventLoop.Interest) {
        if isWaiting || !unsent.isEmpty {
            // It is not read now, so the end of its stream would not show.
            if !events.isDisjoint(with: .gone) { return close() }
            flush()
        } else {
            read()
        }
        serve()

    }

    func receive(_ answer: [UInt8]) {
        isWaiting = false
        guard slot != nil else { return }
        send(answer)
        serve()
    }

    func close() {
        guard let slot else { return }
        self.slot = nil
        loop.remove(slot)
        queue.withdraw(self)
        Glibc.close(descriptor)
        if framer.isInMessage { logger.debug("A client left in the middle of a command.") }
        whenClosed(self)
    }

    private func read() {
        let buffer = loop.readBuffer
        let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
        if count > 0 { framer.append(UnsafeRawBufferPointer(rebasing: buffer[..<count])) }
        if count == 0 { isEnding = true }
        if count < 0, errno != EAGAIN, errno != EINTR { close() }
    }

    /// Executes what is there, as long as the client takes the answers; then says what to wait for.
    private func serve() {
        while slot != nil, !isWaiting, unsent.isEmpty, let message = framer.next() {
            switch message {
            case .command(let command):
                if let answer = queue.submit(command, from: self) { send(answer) } else { isWaiting = true }
            case .unusable(let paramSize):
                logger.warning("A client sent a header with paramSize \(paramSize); its connection is closed.")
                framer = MessageFramer()
                isEnding = true
                send(TPM.failure(.badParamSize))
            }
        }
        guard let slot else { return }
        if isEnding, !isWaiting, unsent.isEmpty { return close() }
        let wanted: EventLoop.Interest = !unsent.isEmpty ? .writable : isWaiting || isEnding ? [] : .readable
        if wanted != interest {
            interest = wanted
            loop.setInterest(slot, wanted)
        }
    }

    private func send(_ answer: [UInt8]) {
        unsent = answer[...]
        flush()
    }

    private func flush() {
        let count = unsent.withUnsafeBytes {
            $0.isEmpty ? 0 : Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        if count > 0 { unsent = unsent.dropFirst(count) }
        if count < 0, errno != EAGAIN, errno != EINTR { close() }
    }
}
