import Dispatch
import Glibc
import Logging
import Synchronization
import TPMCrypto
import TPMEngine

/// Serves one guest's TPM from a child process without privileges. It is what ``Server`` is for a guest in the manager's own
/// process.
///
/// The sockets and the store stay with the manager: clients wait in the kernel while no engine runs, and an engine that
/// died can be started again with nothing lost that was answered. Make it on a ``ServingLoop``, listen, start; every call
/// may come from any thread.
public final class IsolatedGuest: @unchecked Sendable {
    /// How a guest's engine is run.
    public struct Options: Sendable {
        /// What plays the firmware; only for a TPM with power.
        public var startup = StartupKind.clear
        /// False for a TPM without power, until INIT comes over a control channel.
        public var isPoweredAtStart = true
        /// True when CMD_SHUTDOWN of a control channel takes the TPM's power and the engine goes on, for the next client;
        /// otherwise it ends.
        public var survivesShutdown = false
        /// How many clients may be connected at once; others wait until one leaves.
        public var maximumConnections = 64
        /// True when nobody may choose locality 4.
        public var rejectsLocality4 = false
        /// What PCRs begin with in place of their usual values, by number.
        public var initialPCRs: [Int: Digest] = [:]
        /// Who the process is; needed when this one is root's.
        public var user: EngineUser?
        /// What is started, with ``GuestEngine/verb`` and what ``GuestEngine/run(_:)`` takes as arguments.
        public var program = "/proc/self/exe"
        /// Hears why the store began to fail, and nil when it works again; called on any thread.
        public var whenStoreChanges: (@Sendable (StoreError?) -> Void)?
        /// What stands before the arguments in place of ``GuestEngine/verb``.
        var verb = GuestEngine.verb
        var patience = EngineProcess.Patience()

        public init() {}
    }

    private let options: Options
    private let logger: Logger
    private let requests: EngineRequests
    private let worker = DispatchQueue(label: "vtpm.engine")
    private let loop: EventLoop
    private let whenEnded: @Sendable (String?) -> Void
    private let sockets = Mutex<[(socket: ListeningSocket, door: Server.Door)]>([])
    private let shared = Mutex(Shared())
    /// On the loop's thread.
    private var process: EngineProcess?
    private var isAskingFigures = false

    private struct Shared {
        var figures = EngineFigures()
        /// The commands of earlier engines.
        var earlier: UInt64 = 0
        var time: UInt64 = 0
        var processID: pid_t?
    }

    /// - Parameters:
    ///   - store: the guest's, which no other has meanwhile.
    ///   - keys: where keys come from as long as there are any, within bounds; others the engine makes itself.
    ///   - whenEnded: called on the loop's thread when an engine that had started is gone, with why as a sentence's second
    ///     half ("it was killed …"), or nil when it was told to end or did so by itself.
    public init(
        store: any SerialisedStateStore, keys: KeyPairPool?, logger: Logger, options: Options = Options(),
        on loop: ServingLoop, whenEnded: @escaping @Sendable (String?) -> Void
    ) {
        self.options = options
        self.logger = logger
        self.loop = loop.events
        self.whenEnded = whenEnded
        requests = EngineRequests(store: store, keys: keys, whenStoreChanges: options.whenStoreChanges)
    }

    /// Listens at an address from here on; returns it, with the port that the system chose for port 0. An engine that is
    /// started afterwards serves there.
    @discardableResult
    public func listen(
        at address: ListenAddress, for door: Server.Door = .data, permissions: SocketPermissions = SocketPermissions()
    ) throws(ListenError) -> ListenAddress {
        let socket = try ListeningSocket(address, permissions)
        sockets.withLock { $0.append((socket, door)) }
        return socket.address
    }

    /// Listens no more. An engine that runs goes on with the clients that it has.
    public func close() { sockets.withLock { $0 = [] } }

    // MARK: Life

    /// Starts an engine.
    ///
    /// - Parameter done: called on the loop's thread when it serves, with nil, or with why it does not.
    public func start(_ done: @escaping @Sendable (StartupError?) -> Void) {
        loop.perform { [self] in
            guard process == nil else { return done(StartupError(description: "The guest's engine runs already.")) }
            let done = Once(done)
            do throws(ProcessError) {
                try startProcess(
                    whenStarted: { done.call(nil) },
                    orFailed: { done.call(StartupError(description: "The guest's engine did not start: \($0)")) })
            } catch {
                done.call(StartupError(description: "The guest's engine did not start: \(error)"))
            }
        }
    }

    private func startProcess(
        whenStarted: @escaping () -> Void, orFailed failed: @escaping (String) -> Void
    ) throws(ProcessError) {
        if geteuid() == 0, options.user == nil {
            throw ProcessError("Name a user for it, since an engine in a process of its own does not run as root.")
        }
        let sockets = sockets.withLock { $0 }
        var configuration = EngineConfiguration()
        configuration.doors = sockets.map(\.door)
        configuration.startup = options.startup
        configuration.isPoweredAtStart = options.isPoweredAtStart
        configuration.survivesShutdown = options.survivesShutdown
        configuration.rejectsLocality4 = options.rejectsLocality4
        configuration.maximumConnections = options.maximumConnections
        configuration.initialPCRs = options.initialPCRs
        configuration.logLevel = logger.logLevel
        configuration.user = options.user
        var isStarted = false
        let process = try EngineProcess(
            options.program, [options.verb] + configuration.arguments, listeners: sockets.map(\.socket.descriptor),
            in: EngineProcess.Surroundings(
                loop: loop, requests: requests, worker: worker, logger: logger, patience: options.patience),
            whenStarted: {
                isStarted = true
                whenStarted()
            },
            whenEnded: { [self] reason in
                ended(then: isStarted ? { [self] in whenEnded(reason) } : { failed(reason ?? "it ended at once.") })
            })
        self.process = process
        shared.withLock { $0.processID = process.id }
        withExtendedLifetime(sockets) {}
    }

    /// - Parameter body: called on the loop's thread when the next engine may begin.
    private func ended(then body: @escaping () -> Void) {
        process = nil
        isAskingFigures = false
        shared.withLock { shared in
            shared.earlier &+= shared.figures.commands
            shared.figures = EngineFigures()
            shared.processID = nil
        }
        let next = OnLoop(body: body)
        worker.async { [requests, loop] in
            requests.release()
            loop.perform { next.body() }
        }
    }

    /// A closure that visits another thread and is called on the loop's.
    private struct OnLoop: @unchecked Sendable {
        let body: () -> Void
    }

    /// Ends the engine after the command that runs.
    public func stop() { give(.stop) { _ in } }

    /// Puts the volatile state into the store, from which the next engine goes on, and ends.
    ///
    /// - Parameter done: called on the loop's thread with nil before the engine is gone, or with why the state is not in the
    ///   store.
    public func suspend(_ done: @escaping @Sendable (StoreError?) -> Void) {
        give(.suspend) { answer in
            switch answer {
            case .done: done(nil)
            case .failed(let error): done(error)
            }
        }
    }

    /// Reads the 24 PCRs between two commands.
    ///
    /// - Parameter done: called on the loop's thread with them, or with nil for a TPM without power or without an engine.
    public func readPCRs(_ done: @escaping @Sendable ([Digest]?) -> Void) {
        give(.readPCRs) { answer in
            guard case .done(let body) = answer else { return done(nil) }
            let bytes = body.bytes
            let values = stride(from: 0, to: bytes.count, by: Digest.byteCount).compactMap {
                Digest(bytes[$0...].prefix(Digest.byteCount))
            }
            done(values.count == PCRBank.count && bytes.count == PCRBank.count * Digest.byteCount ? values : nil)
        }
    }

    private func give(_ order: EngineOrder, _ done: @escaping @Sendable (EngineAnswer) -> Void) {
        loop.perform { [self] in
            guard let process else { return done(.failed(.engineGone)) }
            process.give(order, done)
        }
    }

    // MARK: Figures, for any thread

    /// The engine's number; nil while none runs.
    public var processID: pid_t? { shared.withLock { $0.processID } }

    /// How many commands were answered, by all engines of this guest.
    public var commandCount: UInt64 { figures.earlier &+ figures.now.commands }

    /// How many clients are connected, at all doors.
    public var clientCount: Int { figures.now.clients }

    public var hasPower: Bool { figures.now.hasPower }

    /// What the engine said last, which it is asked for again when that is a second ago.
    private var figures: (earlier: UInt64, now: EngineFigures) {
        let now = DispatchTime.now().uptimeNanoseconds
        let (result, isOld) = shared.withLock { shared in
            let isOld = shared.processID != nil && now &- shared.time > 1_000_000_000
            if isOld { shared.time = now }
            return ((shared.earlier, shared.figures), isOld)
        }
        if isOld { askFigures() }
        return result
    }

    private func askFigures() {
        loop.perform { [self] in
            guard let process, !isAskingFigures else { return }
            isAskingFigures = true
            process.give(.figures) { [self] answer in
                isAskingFigures = false
                guard case .done(let body) = answer, let figures = EngineFigures(body) else { return }
                shared.withLock { $0.figures = figures }
            }
        }
    }
}

/// A closure that is called once, by whoever comes first.
private final class Once<Value> {
    private var body: ((Value) -> Void)?

    init(_ body: @escaping (Value) -> Void) { self.body = body }

    func call(_ value: Value) {
        let body = body
        self.body = nil
        body?(value)
    }
}
