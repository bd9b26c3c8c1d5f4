import ArgumentParser
import Glibc
import Logging
import TPMEngine
import TPMServer

/// `vtpm emulate`: one TPM for whoever connects.
struct Emulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve a software TPM 1.2 on TCP and Unix sockets.",
        discussion: """
            Clients send TPM 1.2 commands and read responses as a TPM's driver does, with nothing around them. They may \
            connect, disconnect and come back; several may be connected at once, and their commands are executed one \
            after another. The TPM keeps its state in a directory: what a command changed is on disk before its answer \
            leaves. One process at a time serves a state.

            Whoever connects to an address owns the TPM's locality 0. A Unix socket is open to its owner alone; a TCP \
            address other than one of this machine (127.0.0.1, [::1]) is open to the network.

            SIGTERM and SIGINT finish the running command and end the process with status 0; SIGHUP is ignored. The \
            status is 1 when a state is refused or an address is in use, and 64 when an option is wrong.

            Examples:
              vtpm emulate --state /var/lib/vtpm/web --listen unix:/run/vtpm/web.sock
              vtpm emulate --ephemeral --listen tcp:127.0.0.1:6543 --trace
              vtpm emulate --state /var/lib/vtpm/web --vtpm-proxy
            """)

    @Option(help: ArgumentHelp("The directory of the TPM's state; made when it is not there.", valueName: "dir"))
    var state: String?

    @Flag(help: "Keep nothing: a new TPM each time, gone with the process. In place of --state.")
    var ephemeral = false

    @Option(
        name: .customLong("listen"),
        help: ArgumentHelp(
            "tcp:HOST:PORT, tcp:[IPV6]:PORT or unix:PATH, as often as you like. Port 0 takes a free one. Without the "
                + "option: unix:DIR/tpm.sock in the directory of the state.", valueName: "address"))
    var addresses: [ListenAddress] = []

    @Option(
        name: .customLong("control"),
        help: ArgumentHelp(
            "Where swtpm's control protocol is spoken, as QEMU and swtpm_ioctl do: tcp:HOST:PORT or unix:PATH. Whoever "
                + "connects there owns the TPM and its secrets.", valueName: "address"))
    var controls: [ListenAddress] = []

    @Flag(
        help: """
            Make a device of the Linux kernel, /dev/tpmN, which any program of this machine uses as it uses a hardware \
            TPM; the log has its name. It takes root and the kernel's module tpm_vtpm_proxy, and is gone with the process.
            """)
    var vtpmProxy = false

    @Option(
        help: """
            What is sent at the start: TPM_Startup(ST_CLEAR), TPM_Startup(ST_STATE), which goes on from what \
            TPM_SaveState kept, or none, when a client sends it.
            """)
    var startup = StartupKind.clear

    @Option(help: ArgumentHelp("How many 2048-bit RSA keys to make ahead; 0 makes each when asked.", valueName: "n"))
    var keyPool = 2

    @Option(help: ArgumentHelp("How many clients may be connected at once; others wait.", valueName: "n"))
    var maxClients = 64

    @Option(help: "The least of what is logged, on standard error.")
    var logLevel = LogLevel.info

    @Flag(help: "Print each command and response, field by field, on standard output; secrets are masked.")
    var trace = false

    @Flag(help: "Print the secrets too. Implies --trace.")
    var traceSecrets = false

    func validate() throws {
        guard (state != nil) != ephemeral else {
            throw ValidationError("Give either --state with a directory, or --ephemeral.")
        }
        guard state != nil || !addresses.isEmpty || !controls.isEmpty || vtpmProxy else {
            throw ValidationError("With --ephemeral, give at least one of --listen, --control and --vtpm-proxy.")
        }
        guard (0...64).contains(keyPool) else { throw ValidationError("--key-pool takes 0 to 64.") }
        guard (1...1024).contains(maxClients) else { throw ValidationError("--max-clients takes 1 to 1024.") }
    }

    func run() throws {
        let logger = Logger(label: "vtpm") { _ in
            LogFileHandler(file: .standardError, form: .text, logLevel: logLevel.level)
        }
        var options = Server.Options()
        options.maximumConnections = maxClients
        let server = try Server(
            store: try state.map { path in try StateDirectory(path) },
            environment: Environment(keyPairs: KeyPairPool(capacity: keyPool)), logger: logger,
            trace: trace || traceSecrets
                ? CommandTrace(showsSecrets: traceSecrets, write: { Output.write($0, to: STDOUT_FILENO) })
                : nil,
            options: options)
        defer { server.close() }
        let serving = Serving(server, logger: logger)
        let standard = state.map { [ListenAddress.unix(path: "\($0)/tpm.sock")] } ?? []
        for address in addresses.isEmpty ? standard : addresses {
            let bound = try server.listen(at: address)
            logger.notice("The TPM listens at \(bound).")
        }
        for address in controls {
            let bound = try server.listen(at: address, for: .control)
            logger.notice("The control channel is at \(bound).")
        }
        try server.startUp(startup)
        if vtpmProxy {
            let device = try server.serveProxy()
            logger.notice("The kernel's device is \(device).")
        }
        serving.run()
        if let failure = server.proxyFailure { throw failure }
    }
}

extension ListenAddress: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}

extension StartupKind: ExpressibleByArgument {}

/// The levels of swift-log, as an option takes them.
enum LogLevel: String, CaseIterable, ExpressibleByArgument {
    case trace, debug, info, notice, warning, error, critical

    var level: Logger.Level { Logger.Level(rawValue: rawValue) ?? .info }
}
