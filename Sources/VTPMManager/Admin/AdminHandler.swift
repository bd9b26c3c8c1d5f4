import NIOCore
import NIOHTTP1

/// One request and its answer, over a connection of the admin socket.
final class AdminHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// Has a request answered, which may take its time; the answer may come from any thread.
    typealias Perform =
        @Sendable (_ request: AdminRequest, _ answer: @escaping @Sendable (AdminResponse) -> Void) -> Void

    private enum State {
        case expectsHead
        case expectsBody(AdminRequest)
        /// The request is whole, or was refused; what follows it is ignored.
        case answers
    }

    private let perform: Perform
    /// How long a client may take for its request, and for the answer.
    private let patience: TimeAmount
    private var state = State.expectsHead
    private var deadline: Scheduled<Void>?

    init(patience: TimeAmount, perform: @escaping Perform) {
        self.patience = patience
        self.perform = perform
    }

    func handlerAdded(context: ChannelHandlerContext) { limit(context) }
    func handlerRemoved(context: ChannelHandlerContext) { deadline?.cancel() }

    /// Closes the connection when nothing cancels it in time.
    private func limit(_ context: ChannelHandlerContext) {
        deadline?.cancel()
        let channel = context.channel
        deadline = context.eventLoop.scheduleTask(in: patience) { channel.close(promise: nil) }
    }

    // MARK: The request

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        do throws(AdminRequestError) {
            switch (unwrapInboundIn(data), state) {
            case (.head(let head), .expectsHead): try begin(head, context)
            case (.body(let part), .expectsBody(var request)):
                guard request.body.count + part.readableBytes <= AdminRequest.maximumBody else { throw Self.longBody }
                // It must not be copied with each part.
                state = .expectsHead
                request.body += part.readableBytesView
                state = .expectsBody(request)
            case (.end, .expectsBody(let request)): finish(request, context)
            default: break
            }
        } catch {
            refuse(error, context)
        }
    }

    private static let longBody = AdminRequestError(
        status: 413, sentence: "The body of a request has at most \(AdminRequest.maximumBody) bytes.")

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) throws(AdminRequestError) {
        let request = try AdminRequest(method: head.method.rawValue, target: head.uri)
        let size = head.headers.first(name: "content-length").flatMap { Int($0) } ?? 0
        guard size <= AdminRequest.maximumBody else { throw Self.longBody }
        state = .expectsBody(request)
        // RFC 9110, 10.1.1.
        guard head.headers.first(name: "expect")?.lowercased() == "100-continue" else { return }
        context.write(wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .continue))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    private func finish(_ request: AdminRequest, _ context: ChannelHandlerContext) {
        state = .answers
        deadline?.cancel()
        let (loop, bound) = (context.eventLoop, NIOLoopBound((self, context), eventLoop: context.eventLoop))
        perform(request) { response in
            loop.execute {
                let (handler, context) = bound.value
                if context.channel.isActive { handler.send(response, context) }
            }
        }
    }

    private func refuse(_ error: AdminRequestError, _ context: ChannelHandlerContext) {
        state = .answers
        send(AdminRoutes.answer(error), context)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError else { return context.close(promise: nil) }
        if case .answers = state { return }
        refuse(
            error == .headerOverflow
                ? AdminRequestError(status: 431, sentence: "The head of the request is too long.")
                : AdminRequestError(sentence: "This is no request of HTTP/1.1."), context)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // Nothing more comes, but an answer may still be read.
        if event as? ChannelEvent == .inputClosed {
            if case .answers = state { return }
            return context.close(promise: nil)
        }
        context.fireUserInboundEventTriggered(event)
    }

    // MARK: The answer

    private func send(_ response: AdminResponse, _ context: ChannelHandlerContext) {
        limit(context)
        var headers: HTTPHeaders = ["Connection": "close"]
        if response.status != 204 {
            headers.add(name: "Content-Type", value: response.contentType)
            headers.add(name: "Content-Length", value: String(response.body.count))
        }
        if !response.allowed.isEmpty { headers.add(name: "Allow", value: response.allowed.joined(separator: ", ")) }
        let head = HTTPResponseHead(
            version: .http1_1, status: HTTPResponseStatus(statusCode: response.status), headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if !response.body.isEmpty, !response.leavesOutBody {
            let body = context.channel.allocator.buffer(bytes: response.body)
            context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        }
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in channel.close(promise: nil) }
    }
}
