import Glibc
import Logging
import TPMEngine

/// Serves one TPM to any number of clients at any number of addresses.
///
/// Make it, ``listen(at:)``, ``startUp(_:)``, ``run()`` until ``stop()``, ``close()``. All but `stop` belongs to one
/// thread.
public final class Server: @unchecked Sendable {
    private let loop: EventLoop
    private let queue: CommandQueue
    private let instance: TPMInstance
    private let logger: Logger
    private let maximumConnections: Int
    private var listeners: [Listener] = []
    private var connections: [ObjectIdentifier: Connection] = [:]
    /// False from when the system had no room for another socket until a client leaves.
    private var hasRoom = true
    private var isPaused = false
    private var isStopping = false

    /// Powers the TPM on.
    ///
    /// - Parameters:
    ///   - store: where the state is; nil for a TPM that forgets.
    ///   - trace: takes every command and its response, in order.
    ///   - maximumConnections: how many clients may be connected at once; others wait until one leaves.
    public init(
        store: (any StateStore)?, environment: Environment = Environment(), logger: Logger,
        trace: CommandTrace? = nil, maximumConnections: Int = 64
    ) throws {
        let loop = try EventLoop()
        self.loop = loop
        self.logger = logger
        self.maximumConnections = max(maximumConnections, 1)
        instance = try TPMInstance(
            store: store, environment: environment, observer: Observer(logger: logger, trace: trace))
        queue = CommandQueue(instance) { loop.perform($0) }
    }

    /// Sends TPM_Startup, as firmware would.
    public func startUp(_ kind: StartupKind) throws(StartupError) {
        try instance.startUp(kind)
    }

    /// Listens at an address from here on; returns it, with the port that the system chose for port 0.
    @discardableResult
    public func listen(at address: ListenAddress) throws(ListenError) -> ListenAddress {
        let socket = try ListeningSocket(address)
        listeners.append(Listener(socket, loop: loop) { [unowned self] in accept($0) })
        return socket.address
    }

    /// Serves until ``stop()``, and finishes the command that runs then.
    public func run() { loop.run() }

    /// Disconnects the clients and listens no more.
    public func close() {
        for connection in connections.values { connection.close() }
        for listener in listeners { listener.close() }
        listeners = []
    }

    /// Ends ``run()``. Callable from any thread.
    public func stop() {
        loop.perform { [self] in
            isStopping = true
            pauseOrResume()
            queue.drain { [loop] in loop.stop() }
        }
    }

    private func accept(_ listener: Listener) {
        guard let client = listener.accept() else {
            // What is not lack of room for descriptors concerns that client alone.
            hasRoom = errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM
            return pauseOrResume()
        }
        let connection = Connection(client, loop: loop, queue: queue, logger: logger) { [unowned self] in left($0) }
        connections[ObjectIdentifier(connection)] = connection
        logger.debug("A client connected to \(listener.address); \(connections.count) are connected.")
        pauseOrResume()
    }

    private func left(_ connection: Connection) {
        connections[ObjectIdentifier(connection)] = nil
        logger.debug("A client disconnected; \(connections.count) are connected.")
        hasRoom = true
        pauseOrResume()
    }

    /// Clients beyond the limit wait in the kernel until one leaves.
    private func pauseOrResume() {
        let pauses = isStopping || !hasRoom || connections.count >= maximumConnections
        guard pauses != isPaused else { return }
        isPaused = pauses
        for listener in listeners { listener.setPaused(pauses) }
        if pauses, !isStopping { logger.warning("No room for more than \(connections.count) clients; others wait.") }
    }
}

/// Tells the log and the trace what a TPM does.
private struct Observer: InstanceObserver {
    let logger: Logger
    let trace: CommandTrace?

    func executed(_ command: [UInt8], _ response: [UInt8]) { trace?.record(command, response) }

    func storeFailed(_ error: StoreError) { logger.critical("\(error) Until then it answers TPM_FAILEDSELFTEST.") }
}
