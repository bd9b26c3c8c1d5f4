import ArgumentParser
import Dispatch
import Foundation
import Glibc
import Logging
import TPMServer
import VTPMManager

/// `vtpm manager run`: the daemon.
struct ManagerRun: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Serve the guests' TPMs (the default).",
        discussion: """
            Opens the store with the hardware TPM, starts the guests that ran before, and serves the admin socket until \
            SIGTERM or SIGINT. Then it puts the guests' TPMs away, so that they go on when the manager is started again \
            before the machine is. SIGHUP is ignored. The log goes to standard error; systemd is told when it is ready \
            (Type=notify).

            The status is 0 after a signal, 1 when the store or the hardware is refused, 64 when an option is wrong, and \
            78 when the configuration is.
            """)

    @OptionGroup var options: ConfigurationOptions

    @Flag(help: "Read the configuration, say what is wrong with it or that nothing is, and end.")
    var checkConfig = false

    func run() throws {
        let configuration = try options.read()
        if configuration.xen.isEnabled, !Domains.isBuilt {
            Output.write(
                "vtpm: \(options.name): xen.enabled: this vtpm was built without Xen (swift build --traits Xen).\n",
                to: STDERR_FILENO)
            throw ExitCode(78)
        }
        if checkConfig { return print("\(options.name) is good: the anchor is \(configuration.anchor.address).") }
        let log = configuration.log
        let logger = Logger(label: "vtpm") { _ in
            LogFileHandler(file: .standardError, form: log.format.form, logLevel: log.level)
        }
        let service = ServiceNotifier()
        for ignored in [SIGPIPE, SIGHUP] { signal(ignored, SIG_IGN) }
        // A guest takes two for its socket and a client.
        DescriptorLimit.raise()
        // Before any thread: see the initialiser.
        let manager: Manager
        do throws(ManagerError) {
            manager = try Manager(configuration, logger: logger)
            try manager.start()
        } catch {
            logger.critical("\(error)")
            throw ExitCode.failure
        }
        let domains: Domains?
        do {
            domains = try configuration.xen.isEnabled ? Domains(manager, configuration.xen, logger) : nil
        } catch {
            logger.critical("\(error)")
            manager.stop()
            throw ExitCode.failure
        }
        let admin: AdminServer
        do {
            admin = try AdminServer(manager, configuration.admin, logger: logger)
        } catch {
            logger.critical("\(error)")
            domains?.stop()
            manager.stop()
            throw ExitCode.failure
        }
        // Until here a signal ends the process, which loses nothing.
        let ending = Ending()
        logger.notice("The manager is ready; its admin socket is \(configuration.admin.socket).")
        service?.send(.ready, .status("The admin socket is \(configuration.admin.socket)."))
        ending.wait()
        logger.notice("The manager was asked to end, and does.")
        service?.send(.stopping, .status("The guests' TPMs are put away."))
        admin.stop()
        domains?.stop()
        manager.stop()
    }
}

extension ManagerConfiguration.Log.Format {
    fileprivate var form: LogForm {
        switch self {
        case .text: .text
        case .json: .json
        }
    }
}
