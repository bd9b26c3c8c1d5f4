import Foundation
import Glibc
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import TPMServer

/// The admin socket: HTTP/1.1 and JSON on a Unix socket, onto ``ManagerCommands``. It serves from its making to ``stop()``.
///
/// Who may open the socket may do all that an operator may. Nevertheless nobody makes it hold more than a request and an
/// answer for each of a limited number of clients, and who says nothing, or takes nothing, is disconnected. A
/// connection has one request.
public final class AdminServer: @unchecked Sendable {
    /// How many clients may be connected at once.
    static let maximumConnections = 256

    private static let headLimits = {
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = 16 << 10
        limits.maxHeaderListSize = 32 << 10
        limits.maxHeaderFieldCount = 64
        return limits
    }()

    /// Keeps the socket's file until the server stops.
    private var socket: ListeningSocket?
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let channel: any Channel
    private let workers: AdminWorkers

    /// Listens at the path of a Unix socket. One that a dead process left behind is replaced.
    public convenience init(
        _ commands: any ManagerCommands, _ configuration: ManagerConfiguration.Admin, logger: Logger
    ) throws {
        try self.init(commands, configuration, logger: logger, patience: .seconds(30))
    }

    /// - Parameter patience: how long a client may take for its request, and for the answer.
    init(
        _ commands: any ManagerCommands, _ configuration: ManagerConfiguration.Admin, logger: Logger,
        patience: TimeAmount
    ) throws {
        let socket = try ListeningSocket(.unix(path: configuration.socket), configuration.permissions)
        let workers = AdminWorkers(AdminRoutes(commands: commands), logger: logger)
        self.socket = socket
        self.workers = workers
        channel = try Self.bootstrap(group, workers, logger, patience)
            // NIO closes its own.
            .withBoundSocket(fcntl(socket.descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)).wait()
        // NIO lets 128 wait, and a client that does not block is refused beyond them.
        _ = listen(socket.descriptor, SOMAXCONN)
    }

    private static func bootstrap(
        _ group: any EventLoopGroup, _ workers: AdminWorkers, _ logger: Logger, _ patience: TimeAmount
    ) -> ServerBootstrap {
        ServerBootstrap(group: group)
            .serverChannelOption(.maxMessagesPerRead, value: 1)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    // A process without descriptors for clients tries again after a second.
                    let backoff = AcceptBackoffHandler(shouldForwardIOErrorCaught: false)
                    let limit = ConnectionLimit(maximum: maximumConnections) {
                        logger.warning(
                            "No room for more than \(maximumConnections) clients of the admin socket; others wait.")
                    }
                    try channel.pipeline.syncOperations.addHandlers([backoff, limit])
                }
            }
            // A client may close its side when it has asked.
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let decoder = HTTPRequestDecoder(limitConfiguration: headLimits)
                    try channel.pipeline.syncOperations.addHandlers([
                        HTTPResponseEncoder(), ByteToMessageHandler(decoder),
                        AdminHandler(patience: patience, perform: workers.perform),
                    ])
                }
            }
    }

    /// Listens no more, and disconnects all clients when no request is worked on any more.
    public func stop() {
        try? channel.close().wait()
        socket = nil
        workers.stop()
        try? group.syncShutdownGracefully()
    }
}
