import Glibc
import Logging
import TPMEngine
import TPMServer

/// A TPM in swtpm's place, from the first look at the system until its end.
struct SwtpmServing: Sendable {
    let configuration: SwtpmConfiguration

    /// How many RSA keys to make ahead: what an owner and a first user need.
    private static let keyPool = 2

    /// Serves until it is told to end. What fails at the start is thrown, in a daemon it is said in front of the one who
    /// started it.
    func run() throws {
        guard configuration.isDaemon else { return try start(nil) }
        // First, since a child process has no thread but the one that made it.
        try Daemon.run(keeping: configuration.descriptors) { daemon in Swtpm.end { try start(daemon) } }
    }

    private func start(_ daemon: Daemon?) throws {
        if let user = configuration.user { try ProcessUser.become(user) }
        let log = try SwtpmLog(configuration.log)
        do {
            try serve(log, daemon)
        } catch {
            log.note(failure: error)
            throw error
        }
    }

    private func serve(_ log: SwtpmLog, _ daemon: Daemon?) throws {
        let key = try configuration.key?.cipher()
        let migrationKey = try configuration.migrationKey?.cipher()
        let store = try configuration.state.map { state in
            try StateDirectory(state.directory, isMade: false, names: .swtpm, fileMode: state.fileMode, cipher: key)
        }
        let server = try Server(
            store: store, environment: Environment(keyPairs: KeyPairPool(capacity: Self.keyPool)), logger: log.logger,
            trace: log.trace, options: try options(key, migrationKey))
        defer { server.close() }
        let serving = Serving(server, logger: log.logger)
        if let control = configuration.control { try open(control, for: .control, of: server, log.logger) }
        if let data = configuration.data { try open(data, for: .data, of: server, log.logger) }
        try server.startUp(configuration.startup)
        let processIDFile = try writeProcessID()
        if let filter = configuration.filter { try SystemCallFilter.install(filter) }
        try daemon?.isReady()
        withExtendedLifetime(processIDFile) { serving.run() }
    }

    private func options(_ key: StateCipher?, _ migrationKey: StateCipher?) throws -> Server.Options {
        var options = Server.Options()
        options.isPoweredAtStart = !configuration.waitsForInit
        options.closesAfterAnswer = configuration.disconnects
        options.endsWithClient = configuration.endsWithDataClient
        if case .descriptor(let number) = configuration.data, try StreamSocket.passed(number) == .connected {
            // Nobody could come after its peer.
            options.endsWithClient = true
        }
        options.endsWithControlClient = configuration.endsWithControlClient
        options.rejectsLocality4 = configuration.rejectsLocality4
        options.acceptsSetLocality = configuration.acceptsSetLocality
        options.fileCipher = key
        options.migrationCipher = migrationKey
        return options
    }

    private func open(
        _ endpoint: SwtpmConfiguration.Endpoint, for door: Server.Door, of server: Server, _ logger: Logger
    ) throws {
        switch endpoint {
        case .address(let address, let access):
            let permissions = SocketPermissions(
                mode: access.mode, owner: try access.user.map { try ProcessUser.user($0) },
                group: try access.group.map { try ProcessUser.group($0) })
            let bound = try server.listen(at: address, for: door, permissions: permissions)
            logger.notice("\(door == .data ? "The TPM" : "The control channel") listens at \(bound).")
        case .descriptor(let number):
            switch try StreamSocket.passed(number) {
            case .listening: try server.listen(on: number, for: door)
            case .connected: server.serve(number, for: door)
            }
        }
    }

    private func writeProcessID() throws -> ProcessIDFile? {
        switch configuration.processIDFile {
        case .path(let path): return try ProcessIDFile(path)
        case .descriptor(let descriptor): try ProcessIDFile.write(to: descriptor)
        case nil: break
        }
        return nil
    }
}

extension StreamSocket {
    /// One that whoever started the program left to it.
    fileprivate static func passed(_ descriptor: Int32) throws(SwtpmError) -> StreamSocket {
        guard let socket = StreamSocket(descriptor) else {
            throw SwtpmError("The descriptor \(descriptor) is no open stream socket.")
        }
        return socket
    }
}
