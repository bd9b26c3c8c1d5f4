import NIOCore

/// Lets a number of clients in; others wait in the kernel until one of these leaves.
final class ConnectionLimit: ChannelDuplexHandler {
    typealias InboundIn = Channel
    typealias InboundOut = Channel
    typealias OutboundIn = Channel

    private let maximum: Int
    private let whenFull: () -> Void
    private var count = 0
    /// True when the next client would have been accepted.
    private var isHeld = false

    init(maximum: Int, whenFull: @escaping () -> Void) {
        self.maximum = maximum
        self.whenFull = whenFull
    }

    func read(context: ChannelHandlerContext) {
        guard count < maximum else {
            if !isHeld { whenFull() }
            isHeld = true
            return
        }
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        count += 1
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        unwrapInboundIn(data).closeFuture.hop(to: context.eventLoop).whenComplete { _ in
            let (limit, context) = bound.value
            limit.left(context)
        }
        context.fireChannelRead(data)
    }

    private func left(_ context: ChannelHandlerContext) {
        count -= 1
        guard isHeld else { return }
        isHeld = false
        context.read()
    }
}
