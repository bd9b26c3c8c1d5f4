import Logging
import TPMServer

/// What every verb that serves a TPM does with signals: SIGTERM and SIGINT finish the running command and end the
/// server, SIGHUP and SIGPIPE are ignored.
struct Serving {
    private let server: Server
    private let ending: Ending

    /// To be called before anything can send signals; the server may listen afterwards.
    init(_ server: Server, logger: Logger) {
        self.server = server
        ending = Ending {
            logger.notice("The TPM was asked to end, and does.")
            server.stop()
        }
    }

    /// Serves until the server is asked to end.
    func run() {
        withExtendedLifetime(ending) { server.run() }
    }
}
