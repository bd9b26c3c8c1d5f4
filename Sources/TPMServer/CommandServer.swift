import Dispatch
import Logging
import Synchronization

/// Serves whatever answers commands at sockets, a function, for a TPM that somebody else holds: one that a test looks
/// into between two commands, say. A ``Server`` is for TPMs that machines use.
///
/// Clients are served on one thread of its own, on which the function is called, one command at a time, until
/// ``stop()``.
public final class CommandServer: @unchecked Sendable {
    /// Answers a command; nil disconnects the client.
    public typealias Answer = @Sendable (_ command: [UInt8]) -> [UInt8]?

    /// How many clients may be connected at once; others wait until one leaves.
    private static let maximumConnections = 64

    private let loop: ServingLoop
    private let answer: Answer
    private let logger = Logger(label: "vtpm", factory: { _ in SwiftLogNoOpLogHandler() })
    // These belong to the loop's thread.
    private var listeners: [Listener] = []
    private var connections: [ObjectIdentifier: Connection] = [:]
    /// Itself, since the loop's sockets refer to it; nil once it was stopped.
    private var untilStopped: CommandServer?
    private let isStopped = Mutex(false)

    public init(_ answer: @escaping Answer) throws(ListenError) {
        loop = try ServingLoop()
        self.answer = answer
        untilStopped = self
    }

    /// Listens at an address from here on; returns it, with the port that the system chose for port 0.
    @discardableResult
    public func listen(at address: ListenAddress) throws(ListenError) -> ListenAddress {
        let socket = try ListeningSocket(address)
        loop.perform { [self] in
            guard untilStopped != nil else { return }
            listeners.append(Listener(socket, loop: loop.events) { [unowned self] in accept($0) })
        }
        return socket.address
    }

    /// Disconnects the clients, listens no more, and ends the thread; returns when that is done. The function must not
    /// call it.
    public func stop() {
        let isFirst = isStopped.withLock { isStopped in
            defer { isStopped = true }
            return !isStopped
        }
        guard isFirst else { return }
        let isDone = DispatchSemaphore(value: 0)
        loop.perform { [self] in
            for connection in connections.values { connection.close() }
            for listener in listeners { listener.close() }
            listeners = []
            untilStopped = nil
            // After what came before this was let go, and with it the files of sockets.
            loop.perform { [loop] in
                loop.stop()
                isDone.signal()
            }
        }
        isDone.wait()
    }

    private func accept(_ listener: Listener) {
        guard let client = listener.accept() else { return }
        let conversation = CommandConversation(
            submit: { [unowned self] command, client in
                let answer = answer(command)
                if answer == nil { (client as? Connection)?.close() }
                return answer
            }, withdraw: { _ in })
        let connection = Connection(client, loop: loop.events, conversation: conversation, logger: logger) {
            [unowned self] in left($0)
        }
        connections[ObjectIdentifier(connection)] = connection
        if connections.count == Self.maximumConnections { pause(true) }
    }

    private func left(_ connection: Connection) {
        guard connections.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
        if connections.count == Self.maximumConnections - 1 { pause(false) }
    }

    private func pause(_ isPaused: Bool) {
        for listener in listeners { listener.setPaused(isPaused) }
    }
}
