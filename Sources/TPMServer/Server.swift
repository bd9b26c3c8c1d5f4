import Glibc
import Logging
import Synchronization
import TPMEngine

/// Serves one TPM to any number of clients at any number of addresses.
///
/// Alone: make it, listen, ``startUp(_:)``, ``run()`` until ``stop()``, ``close()``. All but `stop` belongs to one thread.
///
/// One of many in a process: make each on a ``ServingLoop``, listen and start it up on the loop's thread; ``stop()`` or
/// ``suspend(_:)`` is all that is left to do.
public final class Server: @unchecked Sendable {
    /// How a TPM is served.
    public struct Options: Sendable {
        /// How many clients may be connected at once; others wait until one leaves.
        public var maximumConnections = 64
        /// False for a TPM without power, until INIT comes over a control channel.
        public var isPoweredAtStart = true
        /// True when a client that sends commands gets one answer and is disconnected.
        public var closesAfterAnswer = false
        /// True when the server ends with the first client that sent commands and leaves.
        public var endsWithClient = false
        /// True when the server ends with the first client of a control channel that leaves.
        public var endsWithControlClient = false
        /// True when CMD_SHUTDOWN of a control channel takes the TPM's power and the server goes on, for the next client;
        /// otherwise it ends.
        public var survivesShutdown = false
        /// True when nobody may choose locality 4.
        public var rejectsLocality4 = false
        /// True when clients choose the locality among their commands, as the kernel's vTPM proxy does.
        public var acceptsSetLocality = false
        /// Encrypts the states that leave through a control channel, in place of the key of the store.
        public var migrationCipher: StateCipher?
        /// That of the store, for a control channel that tells of it.
        public var fileCipher: StateCipher?
        /// The most bytes of a command and of a response, 3072 to 4096.
        public var bufferSize = TPM.maximumCommandSize
        /// Hears why the store began to fail, and nil when it works again; called on any thread, in order.
        public var whenStoreChanges: (@Sendable (StoreError?) -> Void)?

        public init() {}
    }

    let queue: CommandQueue
    /// At which commands arrive that do not say so themselves.
    var locality = Locality.zero
    let loop: EventLoop
    /// Of a server on a loop with others; nil for one that has the loop to itself.
    private let whenEnded: (@Sendable () -> Void)?
    /// Itself, since the loop's sockets refer to it.
    private var untilEnded: Server?
    private let instance: TPMInstance
    private let logger: Logger
    private let options: Options
    private var listeners: [(listener: Listener, door: Door)] = []
    private var connections: [ObjectIdentifier: Connection] = [:] {
        didSet { connectionCount.store(connections.count, ordering: .relaxed) }
    }
    private let connectionCount = Atomic(0)
    /// How many of them control.
    private var controlConnections = 0
    private var proxies: [VTPMProxy] = []
    private var rings: [RingDoor] = [] {
        didSet { ringCount.store(rings.count, ordering: .relaxed) }
    }
    private let ringCount = Atomic(0)
    /// The one that came over a control channel.
    private var handedConnection: ObjectIdentifier?
    /// True when commands arrive at an address or a descriptor that the server was started with.
    private var hasDataAddress = false
    /// False from when the system had no room for another socket until a client leaves.
    private var hasRoom = true
    private var paused: Set<Door> = []
    private var isStopping = false

    /// - Parameters:
    ///   - store: where the state is; nil for a TPM that forgets. It is locked when the TPM gets power, and another
    ///     process that has it is an error then.
    ///   - trace: takes every command and its response, in order.
    public convenience init(
        store: (any StateStore)?, environment: Environment = Environment(), logger: Logger,
        trace: CommandTrace? = nil, options: Options = Options()
    ) throws {
        try self.init(
            store: store, environment: environment, logger: logger, trace: trace, options: options,
            loop: try EventLoop(), whenEnded: nil)
    }

    /// The same beside others; any thread may make it.
    ///
    /// - Parameter whenEnded: called on the loop's thread when the server has ended, told to or by itself, and closed all.
    public convenience init(
        store: (any StateStore)?, environment: Environment = Environment(), logger: Logger,
        trace: CommandTrace? = nil, options: Options = Options(), on loop: ServingLoop,
        whenEnded: @escaping @Sendable () -> Void
    ) throws {
        try self.init(
            store: store, environment: environment, logger: logger, trace: trace, options: options,
            loop: loop.events, whenEnded: whenEnded)
        untilEnded = self
    }

    private init(
        store: (any StateStore)?, environment: Environment, logger: Logger, trace: CommandTrace?, options: Options,
        loop: EventLoop, whenEnded: (@Sendable () -> Void)?
    ) throws {
        self.loop = loop
        self.whenEnded = whenEnded
        self.logger = logger
        self.options = options
        instance = TPMInstance(
            store: store, environment: environment,
            observer: Observer(logger: logger, trace: trace, whenStoreChanges: options.whenStoreChanges))
        instance.bufferSize = options.bufferSize
        queue = CommandQueue(instance) { loop.perform($0) }
        if options.isPoweredAtStart { try instance.powerOn() }
    }

    /// Sends TPM_Startup, as firmware would.
    public func startUp(_ kind: StartupKind) throws(StartupError) {
        try instance.startUp(kind)
    }

    /// The same in line with the commands, for a server on a loop with others. Callable from any thread.
    ///
    /// - Parameter done: called on the loop's thread with nil, or with why it failed.
    public func startUp(_ kind: StartupKind, _ done: @escaping @Sendable (StartupError?) -> Void) {
        loop.perform { [self] in
            queue.call({ instance in
                do throws(StartupError) {
                    try instance.startUp(kind)
                    return nil
                } catch { return error }
            }) { (failure: StartupError??) in
                done(failure ?? StartupError(description: "The TPM is not served any more."))
            }
        }
    }

    // MARK: Doors

    /// What clients speak.
    public enum Door: Sendable {
        /// TPM commands and responses.
        case data
        /// swtpm's control protocol. Who may open it owns the TPM and its secrets.
        case control

        /// How long the rest of a request may take to come, in milliseconds. Requests of control are written whole.
        fileprivate var patience: Int { self == .data ? 30_000 : 2_000 }
    }

    /// How many clients of control channels may be connected at once: they do not share the places of the others.
    private static let maximumControlConnections = 16

    /// Listens at an address from here on; returns it, with the port that the system chose for port 0.
    @discardableResult
    public func listen(
        at address: ListenAddress, for door: Door = .data, permissions: SocketPermissions = SocketPermissions()
    ) throws(ListenError) -> ListenAddress {
        listen(on: try ListeningSocket(address, permissions), for: door)
    }

    /// Takes over a socket that listens.
    public func listen(on descriptor: Int32, for door: Door) throws(ListenError) {
        listen(on: try ListeningSocket(descriptor), for: door)
    }

    @discardableResult
    private func listen(on socket: ListeningSocket, for door: Door) -> ListenAddress {
        if door == .data { hasDataAddress = true }
        listeners.append((Listener(socket, loop: loop) { [unowned self] in accept($0, for: door) }, door))
        return socket.address
    }

    /// Takes over a connected socket.
    public func serve(_ descriptor: Int32, for door: Door) {
        if door == .data { hasDataAddress = true }
        makeNonBlocking(descriptor)
        connect(descriptor, for: door)
    }

    /// Makes a device of the kernel, which is there until ``close()``; returns it. When the kernel takes it away, ``run()``
    /// ends, and ``proxyFailure`` says why.
    ///
    /// The kernel asks the TPM for its properties before programs can open the device, so they can when ``run()`` runs.
    public func serveProxy(at path: String = "/dev/vtpmx") throws(VTPMProxyError) -> VTPMProxyDevice {
        let device = try VTPMProxyDevice(at: path)
        serveProxy(device.descriptor, "\(device)")
        return device
    }

    /// Takes over a descriptor of which each read brings a command and each write takes a response.
    func serveProxy(_ descriptor: Int32, _ name: String) {
        proxies.append(
            VTPMProxy(descriptor, loop: loop, queue: queue, logger: logger) { [unowned self] reason in
                proxyFailure = VTPMProxyError("The kernel does not serve \(name) any more: \(reason).")
                stop()
            })
    }

    /// Takes over a memory that a client shares with the TPM, until ``withdraw(_:_:)`` or the end of the server; then it is
    /// closed.
    ///
    /// - Parameter whenGone: called when it was closed without that.
    public func serve(_ ring: any CommandRing, whenGone: @escaping (RingEnd) -> Void) {
        guard !isStopping else {
            ring.close()
            return whenGone(.serverEnded)
        }
        let door = RingDoor(ring, loop: loop, queue: queue) { [unowned self] door, end in
            rings.removeAll { $0 === door }
            whenGone(end)
        }
        rings.append(door)
        door.serve()
    }

    /// Closes a ring, after the command that it brought was answered.
    ///
    /// - Parameter done: called when it is closed.
    public func withdraw(_ ring: any CommandRing, _ done: @escaping () -> Void) {
        guard let index = rings.firstIndex(where: { $0.isOf(ring) }) else { return done() }
        let door = rings[index]
        door.close { [unowned self] in
            rings.removeAll { $0 === door }
            done()
        }
    }

    /// Why the kernel took a device away.
    public private(set) var proxyFailure: VTPMProxyError?

    // MARK: Life

    /// Serves until ``stop()``, and finishes the command that runs then.
    public func run() { loop.run() }

    /// Disconnects the clients, listens no more, and has the kernel's devices removed.
    public func close() {
        for proxy in proxies { proxy.close() }
        proxies = []
        let rings = rings
        self.rings = []
        for ring in rings { ring.end(.serverEnded) }
        for connection in connections.values { connection.close() }
        for (listener, _) in listeners { listener.close() }
        listeners = []
    }

    /// Ends ``run()``, or the server on a loop with others, after the command that runs. Callable from any thread.
    public func stop() { loop.perform { [self] in end() } }

    private func end() {
        guard !isStopping else { return }
        isStopping = true
        pauseOrResume()
        queue.drain { [self] in
            guard let whenEnded else { return loop.stop() }
            close()
            instance.end()
            untilEnded = nil
            whenEnded()
        }
    }

    /// Puts the volatile state into the store, from which the next server of that store goes on, and ends: no command is
    /// answered after that. Callable from any thread.
    ///
    /// - Parameter done: called on the loop's thread with nil before the server ends, or with why the state is not in the
    ///   store: then the server goes on.
    public func suspend(_ done: @escaping @Sendable (StoreError?) -> Void) {
        loop.perform { [self] in
            queue.call({ instance in
                do throws(StoreError) {
                    try instance.suspend()
                    return nil
                } catch { return error }
            }) { [self] (failure: StoreError??) in
                if case .some(nil) = failure { end() }
                done(failure ?? StoreError("The TPM is not served any more."))
            }
        }
    }

    /// Runs `body` with what the TPM holds, between two commands. Callable from any thread.
    ///
    /// - Parameters:
    ///   - body: called on a thread where it may take its time; the TPM's commands wait for it.
    ///   - done: called on the loop's thread with what `body` returned; with nil for a TPM without power or a server that
    ///     ended.
    public func read<Value: Sendable>(
        _ body: @escaping @Sendable (TPMState) -> Value, _ done: @escaping @Sendable (Value?) -> Void
    ) {
        loop.perform { [self] in queue.call({ $0.state.map(body) }, { done($0 ?? nil) }) }
    }

    // MARK: Figures, for any thread

    public var hasPower: Bool { instance.figures.hasPower.load(ordering: .relaxed) }

    /// How many commands were answered.
    public var commandCount: UInt64 { instance.figures.commands.load(ordering: .relaxed) }

    /// How many clients are connected, at all doors.
    public var clientCount: Int {
        connectionCount.load(ordering: .relaxed) + ringCount.load(ordering: .relaxed)
    }

    // MARK: Clients

    private func accept(_ listener: Listener, for door: Door) {
        guard let client = listener.accept() else {
            // What is not lack of room for descriptors concerns that client alone.
            hasRoom = errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM
            // The room may be taken by others than this server's clients.
            if !hasRoom {
                loop.after(milliseconds: 1000) { [weak self] in
                    self?.hasRoom = true
                    self?.pauseOrResume()
                }
            }
            return pauseOrResume()
        }
        connect(client, for: door)
        logger.debug("A client connected to \(listener.address); \(connections.count) are connected.")
    }

    @discardableResult
    private func connect(_ client: Int32, for door: Door) -> ObjectIdentifier {
        let conversation: any Conversation =
            switch door {
            case .data:
                CommandConversation(
                    submit: { [unowned self] in submit($0, from: $1) }, withdraw: { [queue] in queue.withdraw($0) })
            case .control: ControlConversation(self)
            }
        let connection = Connection(
            client, loop: loop, conversation: conversation, logger: logger,
            closesAfterAnswer: options.closesAfterAnswer && door == .data, patience: door.patience
        ) { [unowned self] in left($0, from: door) }
        let id = ObjectIdentifier(connection)
        connections[id] = connection
        if door == .control { controlConnections += 1 }
        pauseOrResume()
        return id
    }

    private func submit(_ command: [UInt8], from client: any CommandClient) -> [UInt8]? {
        if options.acceptsSetLocality, let answer = SetLocality.answer(command, setLocality) { return answer }
        return queue.submit(command, locality: locality, from: client)
    }

    private func setLocality(_ locality: Locality) -> Bool {
        guard locality != .four || !options.rejectsLocality4 else { return false }
        self.locality = locality
        return true
    }

    private func left(_ connection: Connection, from door: Door) {
        let id = ObjectIdentifier(connection)
        if connections.removeValue(forKey: id) != nil, door == .control { controlConnections -= 1 }
        if handedConnection == id { handedConnection = nil }
        logger.debug("A client disconnected; \(connections.count) are connected.")
        hasRoom = true
        pauseOrResume()
        if door == .data ? options.endsWithClient : options.endsWithControlClient, !isStopping {
            logger.notice("The client left, and the TPM ends with it.")
            stop()
        }
    }

    /// Clients beyond the limit wait in the kernel until one leaves.
    private func pauseOrResume() {
        pauseOrResume(.data, connections.count - controlConnections, options.maximumConnections)
        pauseOrResume(.control, controlConnections, Self.maximumControlConnections)
    }

    private func pauseOrResume(_ door: Door, _ count: Int, _ maximum: Int) {
        let pauses = isStopping || !hasRoom || count >= maximum
        guard pauses != paused.contains(door) else { return }
        if pauses { paused.insert(door) } else { paused.remove(door) }
        for (listener, itsDoor) in listeners where itsDoor == door { listener.setPaused(pauses) }
        if pauses, !isStopping { logger.warning("No room for more than \(count) clients; others wait.") }
    }
}

extension Server: Board {
    var rejectsLocality4: Bool { options.rejectsLocality4 }

    var ciphers: BlobCiphers { BlobCiphers(file: options.fileCipher, migration: options.migrationCipher) }

    var takesData: Bool { !hasDataAddress && handedConnection == nil }

    func serveData(_ descriptor: Int32) {
        makeNonBlocking(descriptor)
        handedConnection = connect(descriptor, for: .data)
    }

    func received(_ request: ControlRequest) { logger.debug("The control channel brought \(request).") }

    func shutDown() {
        if options.survivesShutdown { return queue.call({ $0.powerOff() }, { (_: Void?) in }) }
        logger.notice("The TPM was told to shut down, and does.")
        stop()
    }
}

/// Tells the log and the trace what a TPM does.
private struct Observer: InstanceObserver {
    let logger: Logger
    let trace: CommandTrace?
    let whenStoreChanges: (@Sendable (StoreError?) -> Void)?

    func executed(_ command: [UInt8], _ response: [UInt8]) { trace?.record(command, response) }

    func storeFailed(_ error: StoreError) {
        logger.error("\(error) Until then commands that change the TPM answer \(error.result).")
        whenStoreChanges?(error)
    }

    func storeRecovered() {
        logger.notice("The TPM's state is stored again, and commands may change it.")
        whenStoreChanges?(nil)
    }

    func noticed(_ sentence: String) { logger.warning("\(sentence)") }
}
