import Glibc
import Logging
import TPMEngine

/// What is spoken over a ``Connection``: makes requests of what arrives, and has them answered one at a time.
protocol Conversation: AnyObject {
    /// Takes bytes that arrived, and the descriptors that came along, which are its own from here on.
    func append(_ bytes: UnsafeRawBufferPointer, _ descriptors: [Int32])

    /// Acts on the next request that is there, for the client that the answer goes to.
    func proceed(for client: any CommandClient) -> ConversationStep

    /// True when a request began and did not end.
    var isInRequest: Bool { get }

    /// The client is gone: whatever waits for it is forgotten.
    func end(for client: any CommandClient)
}

/// What became of the next request.
enum ConversationStep {
    /// There is none before more bytes arrive.
    case needsMore
    case answer([UInt8])
    /// The answer comes through ``CommandClient/receive(_:)``.
    case comesLater
    /// Where the next request begins cannot be known: the answer is the last. The reason is a sentence for the log.
    case last([UInt8], reason: String)
}

/// One client's socket: takes its requests one after another, and answers each before it reads on.
///
/// So a client holds no more memory than a read and an answer, and one that is slow, silent or talks garbage holds up
/// nobody but itself.
final class Connection: EventSource, CommandClient {
    private let descriptor: Int32
    private let loop: EventLoop
    private let conversation: any Conversation
    private let logger: Logger
    /// True for a client that gets one answer.
    private let closesAfterAnswer: Bool
    /// How long the rest of a request may take to come, in milliseconds.
    private let patience: Int
    /// Which unfinished request this is, of all; nil while the client owes nothing.
    private var owed: UInt64?
    private var requests: UInt64 = 0
    private let whenClosed: (Connection) -> Void
    private var slot: EventLoop.Slot?
    /// The rest of an answer that the client did not take yet.
    private var unsent: ArraySlice<UInt8> = []
    /// True from when a request was taken until its answer comes.
    private var isWaiting = false
    /// Set at the end of the stream: nothing is read any more, and the last answer ends it.
    private var isEnding = false
    private var interest = EventLoop.Interest.readable

    /// Takes over the socket.
    init(
        _ descriptor: Int32, loop: EventLoop, conversation: any Conversation, logger: Logger,
        closesAfterAnswer: Bool = false, patience: Int = 30_000, whenClosed: @escaping (Connection) -> Void
    ) {
        self.descriptor = descriptor
        self.loop = loop
        self.conversation = conversation
        self.logger = logger
        self.closesAfterAnswer = closesAfterAnswer
        self.patience = patience
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
        conversation.end(for: self)
        Glibc.close(descriptor)
        if conversation.isInRequest { logger.debug("A client left in the middle of a request.") }
        whenClosed(self)
    }

    private func read() {
        let buffer = loop.readBuffer
        let received = Ancillary.receive(descriptor, buffer)
        if received.count > 0 {
            conversation.append(
                UnsafeRawBufferPointer(rebasing: buffer[..<received.count]), received.descriptors)
        }
        if received.count == 0 { isEnding = true }
        if received.count < 0, errno != EAGAIN, errno != EINTR { close() }
    }

    /// Acts on what is there, as long as the client takes the answers; then says what to wait for.
    private func serve() {
        steps: while slot != nil, !isWaiting, unsent.isEmpty {
            switch conversation.proceed(for: self) {
            case .needsMore: break steps
            case .answer(let answer): send(answer)
            case .comesLater: isWaiting = true
            case .last(let answer, let reason):
                logger.warning("\(reason) Its connection is closed.")
                isEnding = true
                send(answer)
                break steps
            }
        }
        guard let slot else { return }
        if isEnding, !isWaiting, unsent.isEmpty { return close() }
        awaitRest()
        let wanted: EventLoop.Interest = !unsent.isEmpty ? .writable : isWaiting || isEnding ? [] : .readable
        if wanted != interest {
            interest = wanted
            loop.setInterest(slot, wanted)
        }
    }

    /// Ends a client that begins a request and does not go on.
    private func awaitRest() {
        guard !isWaiting, unsent.isEmpty, conversation.isInRequest else {
            owed = nil
            return
        }
        guard owed == nil else { return }
        requests += 1
        let request = requests
        owed = request
        loop.after(milliseconds: patience) { [weak self] in
            guard let self, owed == request else { return }
            close()
        }
    }

    private func send(_ answer: [UInt8]) {
        unsent = answer[...]
        if closesAfterAnswer { isEnding = true }
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
