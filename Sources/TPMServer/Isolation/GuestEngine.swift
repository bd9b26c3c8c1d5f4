import CLinux
import Glibc
import Logging
import Synchronization
import TPMCrypto
import TPMEngine

/// The engine of one guest in a process of its own, as ``IsolatedGuest`` starts it: it has no privileges, no files and no
/// network, but the sockets at which its guest connects, and its manager, which keeps its state.
public final class GuestEngine: @unchecked Sendable {
    private let server: Server
    private let manager: ManagerChannel
    private var orders: FrameChannel?

    /// The word by which a program knows that it is to be an engine.
    public static let verb = "guest-engine"

    /// Serves until the manager has it end, or is gone, and ends the process.
    ///
    /// - Parameter arguments: what stands behind ``verb``.
    public static func run(_ arguments: some Sequence<String>) -> Never {
        let channels = [EngineDescriptor.store, EngineDescriptor.orders]
        guard let configuration = EngineConfiguration(arguments: arguments),
            channels.allSatisfy({ StreamSocket($0) == .connected })
        else {
            let text = "\(verb) is for vtpm manager to start: see vtpm guest create --isolation process.\n"
            write(STDERR_FILENO, text, text.utf8.count)
            exit(EX_USAGE)
        }
        run(configuration)
    }

    private static func run(_ configuration: EngineConfiguration) -> Never {
        signal(SIGPIPE, SIG_IGN)
        // A heap for each thread would cost more than waiting for the one.
        mallopt(M_ARENA_MAX, 1)
        for descriptor in [EngineDescriptor.store, EngineDescriptor.orders] {
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        }
        let manager = ManagerChannel(EngineDescriptor.store)
        do {
            try EngineConfinement.enter(user: configuration.user, connections: configuration.maximumConnections)
            try prepareLibraries()
            try EngineFilter.install()
            let engine = try GuestEngine(configuration, manager)
            manager.tell(.started)
            engine.server.run()
            engine.server.close()
            _exit(EXIT_SUCCESS)
        } catch {
            manager.tell(failure: error)
            _exit(EXIT_FAILURE)
        }
    }

    /// What libraries read from files once, they read before there are none.
    private static func prepareLibraries() throws(CryptoError) {
        installWipingAllocators()
        _ = SHA1.hash(try SystemRandom().bytes(count: 1))
    }

    private init(_ configuration: EngineConfiguration, _ manager: ManagerChannel) throws {
        self.manager = manager
        var options = Server.Options()
        options.maximumConnections = configuration.maximumConnections
        options.isPoweredAtStart = configuration.isPoweredAtStart
        options.survivesShutdown = configuration.survivesShutdown
        options.rejectsLocality4 = configuration.rejectsLocality4
        var environment = Environment(keyPairs: manager)
        environment.initialPCRs = configuration.initialPCRs
        let level = configuration.logLevel
        server = try Server(
            store: manager, environment: environment,
            logger: Logger(label: "vtpm") { _ in ManagerLogHandler(channel: manager, logLevel: level) },
            options: options)
        for (number, door) in configuration.doors.enumerated() {
            try server.listen(on: EngineDescriptor.firstListener + Int32(number), for: door)
        }
        if configuration.isPoweredAtStart { try server.startUp(configuration.startup) }
        orders = FrameChannel(
            EngineDescriptor.orders, loop: server.loop, patience: 60_000,
            whenFrame: { [unowned self] in obey($0) },
            // Nobody is left to serve for.
            whenBroken: { _ in _exit(EXIT_FAILURE) })
    }

    private func obey(_ frame: EngineFrame) {
        switch EngineOrder(rawValue: frame.kind) {
        case .stop: server.stop()
        case .suspend: server.suspend { [self] failure in reply(failure.map { .failed($0) } ?? .done) }
        case .readPCRs:
            server.read(
                { $0.clear.pcrs.values }, { [self] values in reply(.done(Secret((values ?? []).flatMap(\.bytes)))) })
        case .figures:
            let figures = EngineFigures(
                commands: server.commandCount, clients: server.clientCount, hasPower: server.hasPower)
            reply(.done(figures.body))
        case nil: _exit(EXIT_FAILURE)
        }
    }

    /// On the loop's thread.
    private func reply(_ answer: EngineAnswer) { orders?.send(answer.frame) }
}
