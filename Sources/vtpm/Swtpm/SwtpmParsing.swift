import Glibc
import TPMServer

extension SwtpmSocket {
    /// What the options ask for. It looks at nothing but them and at two variables of the environment: TPM_PATH is the
    /// directory of the state and TPM_PORT the port for commands where no option has them.
    func configuration(environment: [String: String]) throws(SwtpmError) -> SwtpmConfiguration {
        guard !tpm2 else {
            throw SwtpmError("--tpm2: this program is a TPM 1.2 and nothing else. For a TPM 2.0 use another one.")
        }
        var result = SwtpmConfiguration()
        result.task = try task()
        result.isDaemon = daemon
        try readDoors(into: &result, environment)
        try readState(into: &result, environment)
        try readLog(into: &result)
        try readLocality(into: &result)
        result.key = try Self.key(keys, "--key")
        result.migrationKey = try Self.key(migrationKeys, "--migration-key")
        try readProcess(into: &result)
        try readFlags(into: &result)
        try readMigration(into: &result)
        if result.task == .serve { try check(result) }
        return result
    }

    /// The value of an option that may be there once.
    private static func only(_ values: [String], _ option: String) throws(SwtpmError) -> String? {
        guard values.count <= 1 else { throw SwtpmError("\(option) is there \(values.count) times: give it once.") }
        return values.first
    }

    private static func key(_ values: [String], _ option: String) throws(SwtpmError) -> StateKeySource? {
        guard let text = try only(values, option) else { return nil }
        return try StateKeySource(text, of: option)
    }

    private func task() throws(SwtpmError) -> SwtpmConfiguration.Task {
        var tasks: [(name: String, task: SwtpmConfiguration.Task)] = []
        if printCapabilities { tasks.append(("--print-capabilities", .printCapabilities)) }
        if printStates { tasks.append(("--print-states", .printStates)) }
        if let text = try Self.only(informationFlags, "--print-info") {
            tasks.append(("--print-info", .printInformation(flags: try Self.informationFlags(text))))
        }
        guard tasks.count <= 1 else { throw SwtpmError("Give only one of \(tasks[0].name) and \(tasks[1].name).") }
        return tasks.first?.task ?? .serve
    }

    /// A number, decimal or hexadecimal with 0x.
    private static func informationFlags(_ text: String) throws(SwtpmError) -> UInt64 {
        let isHex = text.hasPrefix("0x")
        let digits = isHex ? String(text.dropFirst(2)) : text
        guard digits.allSatisfy({ $0.isASCII && $0.isHexDigit }), let flags = UInt64(digits, radix: isHex ? 16 : 10)
        else {
            throw SwtpmError("--print-info takes a number such as 3 or 0x3, not '\(text)'.")
        }
        let known: UInt64 = 3
        guard flags != 0, flags & ~known == 0 else {
            throw SwtpmError("--print-info: a TPM 1.2 has 1, its specification, and 2, its maker; not \(text).")
        }
        return flags
    }

    // MARK: Doors

    private static let serverKeys: KeyValuePairs<String, SubOptions.Form> = [
        "type": .value, "path": .value, "port": .value, "bindaddr": .value, "ifname": .value, "fd": .value,
        "mode": .value, "uid": .value, "gid": .value, "disconnect": .flag,
    ]
    private static let controlKeys: KeyValuePairs<String, SubOptions.Form> = [
        "type": .value, "path": .value, "port": .value, "bindaddr": .value, "ifname": .value, "fd": .value,
        "clientfd": .value, "mode": .value, "uid": .value, "gid": .value, "terminate": .flag,
    ]
    private func readDoors(
        into result: inout SwtpmConfiguration, _ environment: [String: String]
    ) throws(SwtpmError) {
        let port = try Self.only(ports, "--port")
        let descriptor = try Self.only(descriptors, "--fd")
        let server = try Self.only(servers, "--server")
        let given = [(port, "--port"), (descriptor, "--fd"), (server, "--server")].filter { $0.0 != nil }
        guard given.count <= 1 else { throw SwtpmError("Give only one of \(given[0].1) and \(given[1].1).") }
        if let port {
            result.data = try .init(localPort: port, "--port")
        } else if let descriptor {
            let number = try SubOptions.number(descriptor, "--fd", in: SubOptions.descriptors)
            result.data = .descriptor(Int32(number))
        } else if let server {
            let options = try SubOptions(server, of: "--server", keys: Self.serverKeys)
            result.data = try .init(options, standardType: "tcp", standardPort: environment["TPM_PORT"])
            result.disconnects = options.isSet("disconnect")
        }
        result.endsWithDataClient = terminate || descriptor != nil
        if let control = try Self.only(controls, "--ctrl") {
            let options = try SubOptions(control, of: "--ctrl", keys: Self.controlKeys)
            result.control = try .init(options)
            result.endsWithControlClient = options.isSet("terminate")
        }
        if result.data == nil, result.control == nil, let port = environment["TPM_PORT"] {
            result.data = try .init(localPort: port, "TPM_PORT")
        }
    }

    // MARK: What is kept

    private func readState(
        into result: inout SwtpmConfiguration, _ environment: [String: String]
    ) throws(SwtpmError) {
        guard let text = try Self.only(states, "--tpmstate") else {
            result.state = environment["TPM_PATH"].flatMap { $0.isEmpty ? nil : .init(directory: $0) }
            return
        }
        let options = try SubOptions(
            text, of: "--tpmstate",
            keys: ["dir": .value, "backend-uri": .value, "mode": .value, "lock": .flag, "fsync": .flag])
        _ = try options.only(of: ["dir", "backend-uri"])
        for always in ["lock", "fsync"] where options.has(always) && !options.isSet(always) {
            throw SwtpmError("--tpmstate: a state is always locked and synced: leave '\(always)=false' away.")
        }
        var directory = options["dir"]
        if let uri = options["backend-uri"] { directory = try Self.directory(uri) }
        guard let directory else { throw SwtpmError("--tpmstate needs dir=PATH or backend-uri=dir://PATH.") }
        result.state = SwtpmConfiguration.State(directory: directory)
        if let mode = try options.mode("mode") { result.state?.fileMode = mode }
    }

    private static func directory(_ uri: String) throws(SwtpmError) -> String {
        let scheme = "dir://"
        guard uri.hasPrefix(scheme), uri.count > scheme.count else {
            throw SwtpmError(
                "--tpmstate: 'backend-uri=\(uri)' cannot serve: a state lies in a directory here; give dir://PATH.")
        }
        return String(uri.dropFirst(scheme.count))
    }

    private func readLog(into result: inout SwtpmConfiguration) throws(SwtpmError) {
        guard let text = try Self.only(logs, "--log") else { return }
        let options = try SubOptions(
            text, of: "--log",
            keys: ["file": .value, "fd": .value, "level": .value, "prefix": .value, "truncate": .flag])
        if let level = try options.number("level", in: 0...20) { result.log.level = level }
        result.log.prefix = options["prefix"]
        let truncates = options.isSet("truncate")
        switch try options.only(of: ["file", "fd"]) {
        case "file":
            let path = options["file"] ?? "-"
            if path == "-" { try options.refuse(["truncate"], beside: "file=-") }
            result.log.target = path == "-" ? .nowhere : .file(.path(path), truncates: truncates)
        case "fd":
            guard let descriptor = try options.descriptor("fd") else { return }
            result.log.target = .file(.descriptor(descriptor), truncates: truncates)
        default: try options.refuse(["truncate"], beside: "standard error")
        }
    }

    private func readLocality(into result: inout SwtpmConfiguration) throws(SwtpmError) {
        guard let text = try Self.only(localities, "--locality") else { return }
        let options = try SubOptions(
            text, of: "--locality", keys: ["reject-locality-4": .flag, "allow-set-locality": .flag])
        result.rejectsLocality4 = options.isSet("reject-locality-4")
        result.acceptsSetLocality = options.isSet("allow-set-locality")
    }

    // MARK: The process and the start

    private func readProcess(into result: inout SwtpmConfiguration) throws(SwtpmError) {
        result.user = try Self.only(users, "--runas")
        if let text = try Self.only(filters, "--seccomp") {
            let options = try SubOptions(text, of: "--seccomp", keys: ["action": .value])
            result.filter = try options.choice("action", ["kill": .kill, "log": .log, "none": nil]) ?? nil
        }
        guard let text = try Self.only(processIDs, "--pid") else { return }
        let options = try SubOptions(text, of: "--pid", keys: ["file": .value, "fd": .value])
        _ = try options.only(of: ["file", "fd"])
        if let path = options["file"] { result.processIDFile = .path(path) }
        if let descriptor = try options.descriptor("fd") { result.processIDFile = .descriptor(descriptor) }
    }

    private static let startups: KeyValuePairs<String, StartupKind> = [
        "startup-clear": .clear, "startup-state": .state, "startup-deactivated": .deactivated, "startup-none": .none,
    ]

    private func readFlags(into result: inout SwtpmConfiguration) throws(SwtpmError) {
        guard let text = try Self.only(flags, "--flags") else { return }
        let options = try SubOptions(
            text, of: "--flags",
            keys: [
                "not-need-init": .flag, "startup-clear": .flag, "startup-state": .flag, "startup-deactivated": .flag,
                "startup-none": .flag,
            ])
        _ = try options.only(of: Self.startups.map(\.key))
        result.startup = Self.startups.first { options.isSet($0.key) }?.value ?? .none
        result.waitsForInit = result.startup == .none && !options.isSet("not-need-init")
    }

    /// What the option asks for is always so; only the contrary is an error.
    private func readMigration(into result: inout SwtpmConfiguration) throws(SwtpmError) {
        guard let text = try Self.only(migrations, "--migration") else { return }
        let keys: KeyValuePairs<String, SubOptions.Form> = ["incoming": .flag, "release-lock-outgoing": .flag]
        let options = try SubOptions(text, of: "--migration", keys: keys)
        for (always, _) in keys where options.has(always) && !options.isSet(always) {
            throw SwtpmError("--migration: '\(always)' is what is always done: leave '\(always)=false' away.")
        }
        guard result.waitsForInit || !options.has("incoming") else {
            throw SwtpmError(
                "--migration incoming: the TPM would begin before its state has come: leave not-need-init and "
                    + "startup-… away from --flags.")
        }
    }

    private func check(_ result: SwtpmConfiguration) throws(SwtpmError) {
        guard result.data != nil || result.control != nil else {
            throw SwtpmError("Nobody can reach the TPM: give --server or --ctrl.")
        }
        guard result.state != nil else {
            throw SwtpmError("The TPM has no place for its state: give --tpmstate dir=PATH.")
        }
        guard !result.waitsForInit || result.control != nil else {
            throw SwtpmError(
                "Nothing can give the TPM power: add --flags not-need-init or startup-clear, or a control channel with "
                    + "--ctrl.")
        }
    }
}
