import Dispatch
import Glibc
import Logging
import TPMServer

/// What every verb that serves a TPM does with signals: SIGTERM and SIGINT finish the running command and end the
/// server, SIGHUP and SIGPIPE are ignored.
struct Serving {
    private let server: Server
    private let endings: [any DispatchSourceSignal]

    /// To be called before anything can send signals; the server may listen afterwards.
    init(_ server: Server, logger: Logger) {
        self.server = server
        for ignored in [SIGPIPE, SIGHUP] { signal(ignored, SIG_IGN) }
        endings = [SIGTERM, SIGINT].map { ending in
            signal(ending, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: ending, queue: .global())
            source.setEventHandler {
                logger.notice("The TPM was asked to end, and does.")
                server.stop()
            }
            source.resume()
            return source
        }
    }

    /// Serves until the server is asked to end.
    func run() {
        withExtendedLifetime(endings) { server.run() }
    }
}
