import Glibc

/// A thread on which any number of TPMs are served.
public final class ServingLoop: Sendable {
    let events: EventLoop

    /// Starts the thread, which ends with ``stop()``.
    public init() throws(ListenError) {
        events = try EventLoop()
        var thread = pthread_t()
        let status = pthread_create(
            &thread, nil,
            { context in
                if let context { Unmanaged<EventLoop>.fromOpaque(context).takeRetainedValue().run() }
                return nil
            }, Unmanaged.passRetained(events).toOpaque())
        guard status == 0 else {
            Unmanaged.passUnretained(events).release()
            throw ListenError("No thread can be made: \(String(cString: strerror(status))).")
        }
        pthread_detach(thread)
    }

    /// Runs `body` on the thread, soon, and in the order of the calls.
    public func perform(_ body: @escaping @Sendable () -> Void) { events.perform(body) }

    /// Ends the thread; to be called when every server on it has ended.
    public func stop() { events.perform { [events] in events.stop() } }
}
