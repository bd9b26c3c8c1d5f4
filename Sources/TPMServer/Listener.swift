/// A listening socket in a loop.
final class Listener: EventSource {
    let address: ListenAddress
    private let socket: ListeningSocket
    private let loop: EventLoop
    private let whenReady: (Listener) -> Void
    private var slot: EventLoop.Slot?

    init(_ socket: ListeningSocket, loop: EventLoop, whenReady: @escaping (Listener) -> Void) {
        self.socket = socket
        self.loop = loop
        self.whenReady = whenReady
        address = socket.address
        slot = loop.add(self, socket.descriptor, .readable)
    }

    func ready(_ events: EventLoop.Interest) { whenReady(self) }

    /// The next client; nil when none waits, or the system has no room for another.
    func accept() -> Int32? { socket.accept() }

    /// Leaves clients to wait in the kernel, or takes them again.
    func setPaused(_ isPaused: Bool) {
        if let slot { loop.setInterest(slot, isPaused ? [] : .readable) }
    }

    /// Listens no more; a Unix socket's file goes with the last reference.
    func close() {
        if let slot { loop.remove(slot) }
        slot = nil
    }
}
