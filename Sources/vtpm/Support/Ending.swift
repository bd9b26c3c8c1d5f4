import Dispatch
import Glibc

/// Hears SIGTERM and SIGINT as long as it is there; SIGHUP and SIGPIPE are ignored from then on.
struct Ending {
    private let asked = DispatchSemaphore(value: 0)
    private let sources: [any DispatchSourceSignal]

    /// - Parameter body: called on any thread when one of the two comes.
    init(_ body: @escaping @Sendable () -> Void = {}) {
        for ignored in [SIGPIPE, SIGHUP] { signal(ignored, SIG_IGN) }
        sources = [SIGTERM, SIGINT].map { [asked] ending in
            signal(ending, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: ending, queue: .global())
            source.setEventHandler {
                asked.signal()
                body()
            }
            source.resume()
            return source
        }
    }

    /// Returns when the process was asked to end.
    func wait() { asked.wait() }
}
