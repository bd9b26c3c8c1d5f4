import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix

/// A request to the admin socket, from the client's side.
struct AdminExchange: Sendable {
    private static let maximumAnswer = 256 << 20
    /// How long a place in the manager's queue is waited for.
    private static let connectPatience = TimeAmount.seconds(20)
    /// For a call that waits for a TPM.
    private static let patience = TimeAmount.minutes(30)

    private let head: HTTPRequestHead
    private let body: [UInt8]

    init(_ method: String, _ target: String, _ body: [UInt8]) {
        var head = HTTPRequestHead(version: .http1_1, method: HTTPMethod(rawValue: method), uri: target)
        head.headers = ["Host": "vtpm", "Connection": "close"]
        if method == "POST" {
            head.headers.add(name: "Content-Type", value: AdminResponse.json)
            head.headers.add(name: "Content-Length", value: String(body.count))
        }
        self.head = head
        self.body = body
    }

    /// Sends the request, and waits for the answer: its status and its body.
    func run(at path: String) throws(AdminClientError) -> (status: Int, content: [UInt8]) {
        do {
            let loop = MultiThreadedEventLoopGroup.singleton.any()
            let answer = try attempt(at: path, until: .now() + Self.connectPatience, on: loop).wait()
            return (Int(answer.head.status.code), answer.body.map { Array($0.readableBytesView) } ?? [])
        } catch {
            throw .unreachable(Self.sentence(about: error, path))
        }
    }

    /// A Unix socket refuses at once (EAGAIN) when as many clients wait as may: then it is tried again.
    private func attempt(
        at path: String, until deadline: NIODeadline, on loop: any EventLoop
    ) -> EventLoopFuture<NIOHTTPClientResponseFull> {
        let answer = loop.makePromise(of: NIOHTTPClientResponseFull.self)
        let connected = ClientBootstrap(group: loop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    try channel.pipeline.syncOperations.addHandlers([
                        NIOHTTPClientResponseAggregator(maxContentLength: Self.maximumAnswer), AnswerHandler(answer),
                    ])
                }
            }
            .connect(unixDomainSocketPath: path)
        connected.whenFailure { answer.fail($0) }
        connected.whenSuccess { send(on: $0, until: answer.futureResult) }
        let limit = loop.scheduleTask(in: Self.patience) { answer.fail(ChannelError.connectTimeout(Self.patience)) }
        return answer.futureResult.always { _ in limit.cancel() }.flatMapError { error in
            guard (error as? IOError)?.errnoCode == EAGAIN, NIODeadline.now() < deadline else {
                return loop.makeFailedFuture(error)
            }
            return loop.flatScheduleTask(in: .milliseconds(50)) {
                attempt(at: path, until: deadline, on: loop)
            }.futureResult
        }
    }

    private func send(on channel: any Channel, until answer: EventLoopFuture<NIOHTTPClientResponseFull>) {
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        if !body.isEmpty {
            channel.write(HTTPClientRequestPart.body(.byteBuffer(channel.allocator.buffer(bytes: body))), promise: nil)
        }
        // One that refuses a request may do so before it has read it.
        channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
        answer.whenComplete { _ in channel.close(promise: nil) }
    }

    private static func sentence(about error: any Error, _ path: String) -> String {
        switch (error as? IOError)?.errnoCode {
        case ENOENT, ECONNREFUSED:
            "The manager is not running at \(path): start vtpm manager, or name its socket with --socket."
        case EACCES: "You may not open the manager's socket \(path): become root, or one of the socket's group."
        case EAGAIN: "The manager at \(path) has no room for another client: try again later."
        default: "The manager at \(path) does not answer: \(error)."
        }
    }
}

/// Takes the answer, or why there is none.
private final class AnswerHandler: ChannelInboundHandler {
    typealias InboundIn = NIOHTTPClientResponseFull

    private let answer: EventLoopPromise<NIOHTTPClientResponseFull>

    init(_ answer: EventLoopPromise<NIOHTTPClientResponseFull>) { self.answer = answer }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { answer.succeed(unwrapInboundIn(data)) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { answer.fail(error) }

    func channelInactive(context: ChannelHandlerContext) { answer.fail(ChannelError.eof) }
}
