import TPMServer
import Testing

@testable import vtpm

/// What swtpm's options ask for, as far as it can be said without looking at the system.
@Suite struct SwtpmConfigurationTests {
    /// Enough for a TPM to be served.
    private static let served = ["--tpmstate", "dir=s", "--ctrl", "type=unixio,path=c"]

    private func configuration(
        _ arguments: [String], environment: [String: String] = [:]
    ) throws -> SwtpmConfiguration {
        try SwtpmSocket.parse(arguments).configuration(environment: environment)
    }

    private func configuration(with arguments: String...) throws -> SwtpmConfiguration {
        try configuration(Self.served + arguments)
    }

    private func refusal(_ arguments: [String], environment: [String: String] = [:]) -> String {
        do {
            _ = try configuration(arguments, environment: environment)
            return "it was not refused"
        } catch {
            return SwtpmSocket.message(for: error)
        }
    }

    @Test func withoutMoreItIsWhatSwtpmIs() throws {
        var expected = SwtpmConfiguration()
        expected.state = .init(directory: "s", fileMode: 0o640)
        expected.control = .address(.unix(path: "c"), .init(mode: 0o770))
        expected.log = .init(target: .standardError, level: 1, prefix: nil)
        expected.filter = .kill
        expected.waitsForInit = true
        expected.startup = .none
        #expect(try configuration(Self.served) == expected)
        #expect(try configuration(["--tpmstate=dir=s", "--ctrl=type=unixio,path=c"]) == expected)
    }

    // MARK: Callers

    @Test func whatLibvirtAsksFor() throws {
        let result = try configuration([
            "--daemon", "--ctrl", "type=unixio,path=/run/x.sock,mode=0600", "--tpmstate", "dir=/var/x,mode=0600",
            "--log",
            "file=/var/log/x.log", "--terminate", "--pid", "file=/run/x.pid", "--key", "pwdfd=7,mode=aes-256-cbc",
            "--migration-key", "pwdfd=8,mode=aes-256-cbc", "--migration", "release-lock-outgoing,incoming",
        ])
        #expect(result.isDaemon && result.endsWithDataClient && !result.endsWithControlClient && result.waitsForInit)
        #expect(result.control == .address(.unix(path: "/run/x.sock"), .init(mode: 0o600)))
        #expect(result.state == .init(directory: "/var/x", fileMode: 0o600))
        #expect(result.log.target == .file(.path("/var/log/x.log"), truncates: false))
        #expect(result.processIDFile == .path("/run/x.pid"))
        #expect(result.key?.file == .descriptor(7) && result.key?.mode == .aes256CBC)
        #expect(result.key?.content == .passphrasePBKDF2)
        #expect(result.migrationKey?.file == .descriptor(8))
        #expect(result.data == nil)
    }

    @Test func whatSwtpmSetupAsksFor() throws {
        let result = try configuration([
            "--flags", "not-need-init,startup-clear", "--tpmstate", "backend-uri=dir:///tmp/x", "--pid", "file=/tmp/p",
            "--key", "file=keyf,mode=aes-128-cbc", "--log", "file=setup.log", "--server", "type=tcp,fd=7", "--ctrl",
            "type=unixio,clientfd=5",
        ])
        #expect(result.state?.directory == "/tmp/x")
        #expect(result.data == .descriptor(7) && result.control == .descriptor(5))
        #expect(!result.waitsForInit && result.startup == .clear)
        #expect(result.key?.file == .path("keyf") && result.key?.content == .hexadecimal)
        #expect(result.key?.mode == .aes128CBC && result.key?.isRemoved == false)
        let capabilities = try configuration(["--print-capabilities", "--log", "file=setup.log"])
        #expect(capabilities.task == .printCapabilities)
        let states = try configuration(["--print-states", "--tpmstate", "backend-uri=dir://st"])
        #expect(states.task == .printStates && states.state?.directory == "st")
    }

    @Test func whatTheEnvironmentAdds() throws {
        let start = ["--flags", "startup-clear"]
        let both = try configuration(start, environment: ["TPM_PATH": "/p", "TPM_PORT": "2321"])
        #expect(both.state?.directory == "/p")
        #expect(both.data == .address(.tcp(host: "127.0.0.1", port: 2321), .init()))
        let typed = try configuration(
            Self.served + ["--server", "type=tcp,bindaddr=::1"], environment: ["TPM_PORT": "7"])
        #expect(typed.data == .address(.tcp(host: "::1", port: 7), .init()))
        // An option comes first, and a control channel is a way to the TPM.
        let options = try configuration(
            Self.served + ["--port", "9"], environment: ["TPM_PATH": "/p", "TPM_PORT": "7"])
        #expect(options.state?.directory == "s")
        #expect(options.data == .address(.tcp(host: "127.0.0.1", port: 9), .init()))
        #expect(try configuration(Self.served, environment: ["TPM_PORT": "7"]).data == nil)
        #expect(refusal(start, environment: ["TPM_PATH": "/p", "TPM_PORT": "x"]).contains("TPM_PORT is a number"))
        #expect(refusal(start, environment: ["TPM_PATH": "", "TPM_PORT": "1"]).contains("no place for its state"))
    }

    // MARK: Doors

    @Test func doorsForCommands() throws {
        func data(_ value: String) throws -> SwtpmConfiguration.Endpoint? {
            try configuration(with: "--server", value).data
        }
        #expect(try data("port=1") == .address(.tcp(host: "127.0.0.1", port: 1), .init()))
        #expect(try data("type=tcp,port=0,bindaddr=0.0.0.0") == .address(.tcp(host: "0.0.0.0", port: 0), .init()))
        #expect(
            try data("type=tcp,port=5,bindaddr=fe80::1,ifname=eth0")
                == .address(.tcp(host: "fe80::1%eth0", port: 5), .init()))
        #expect(
            try data("type=unixio,path=d,mode=0666,uid=tss,gid=12")
                == .address(.unix(path: "d"), .init(mode: 0o666, user: "tss", group: "12")))
        #expect(try data("type=unixio,fd=3") == .descriptor(3))
        let short = try configuration(with: "-p", "17", "-t", "-d")
        #expect(short.data == .address(.tcp(host: "127.0.0.1", port: 17), .init()))
        #expect(short.endsWithDataClient && short.isDaemon)
        #expect(try configuration(with: "-p17").data == short.data)
        let passed = try configuration(with: "-f", "5")
        #expect(passed.data == .descriptor(5) && passed.endsWithDataClient)
        #expect(try configuration(with: "--server", "type=tcp,port=1,disconnect").disconnects)
        #expect(try !configuration(with: "--server", "type=tcp,port=1,disconnect=false").disconnects)
    }

    @Test(arguments: [
        ("type=tcp", "type=tcp needs port=N"), ("type=unixio", "type=unixio needs path=PATH"),
        ("type=udp,port=1", "there is no 'type=udp'; it takes tcp, unixio"),
        ("type=tcp,port=65536", "port takes 0 to 65535, not 65536"), ("type=tcp,port=x", "port is a number, not 'x'"),
        ("type=tcp,port=1,path=x", "'path' has no effect with type=tcp"),
        ("type=unixio,path=x,port=1", "'port' has no effect with type=unixio"),
        ("type=tcp,port=1,mode=0600", "'mode' has no effect with type=tcp"),
        ("type=tcp,port=1,fd=3", "only one of 'port' and 'fd'"),
        ("type=unixio,fd=3,mode=0600", "'mode' has no effect with an open socket"),
        ("type=tcp,fd=3,bindaddr=::1", "'bindaddr' has no effect with an open socket"),
        ("type=unixio,fd=-1", "fd is a number, not '-1'"), ("type=unixio,fd=2147483648", "fd takes 0 to 2147483647"),
        ("type=tcp,port=1,bindaddr=localhost", "'bindaddr=localhost' is no IPv4 or IPv6 address"),
        ("type=tcp,port=1,bindaddr=127.1", "'bindaddr=127.1' is no IPv4 or IPv6 address"),
        ("type=tcp,port=1,ifname=eth0", "'ifname' is for an IPv6 address"),
        ("type=unixio,path=x,mode=999", "'mode=999' is no mode"),
        ("type=tcp,port=1,terminate", "there is no 'terminate' here"),
        ("type=unixio,clientfd=3", "there is no 'clientfd=3' here"),
    ])
    func doorsThatCannotBe(value: String, sentence: String) {
        let text = refusal(Self.served + ["--server", value])
        #expect(text.hasPrefix("--server: "), "\(text)")
        #expect(text.contains(sentence), "\(text)")
    }

    @Test func controlChannels() throws {
        func control(_ value: String) throws -> SwtpmConfiguration {
            try configuration(["--tpmstate", "dir=s", "--ctrl", value])
        }
        #expect(try control("type=tcp,port=2").control == .address(.tcp(host: "127.0.0.1", port: 2), .init()))
        #expect(try control("type=unixio,fd=0").control == .descriptor(0))
        #expect(try control("type=unixio,clientfd=4").control == .descriptor(4))
        #expect(try control("type=unixio,path=c,terminate").endsWithControlClient)
        for (value, sentence) in [
            ("path=c", "say type=unixio or type=tcp"), ("type=tcp", "type=tcp needs port=N"),
            ("type=tcp,clientfd=4", "'clientfd' has no effect with type=tcp"),
            ("type=unixio,fd=3,clientfd=4", "give only one of 'fd' and 'clientfd'"),
            ("type=unixio,path=c,disconnect", "there is no 'disconnect' here"),
        ] {
            #expect(refusal(["--tpmstate", "dir=s", "--ctrl", value]).contains("--ctrl: \(sentence)"), "\(value)")
        }
    }

    @Test func aTPMThatNobodyCanUseIsRefused() {
        #expect(refusal(["--tpmstate", "dir=s"]).contains("give --server or --ctrl"))
        #expect(refusal(["--ctrl", "type=unixio,path=c"]).contains("give --tpmstate dir=PATH"))
        let powerless = ["--tpmstate", "dir=s", "--server", "port=1"]
        #expect(refusal(powerless).contains("Nothing can give the TPM power"))
        #expect(refusal(powerless + ["--flags", "startup-none"]).contains("Nothing can give the TPM power"))
        #expect(refusal(Self.served + ["-p", "1", "-f", "3"]).contains("only one of --port and --fd"))
        #expect(refusal(Self.served + ["-f", "3", "--server", "port=1"]).contains("only one of --fd and --server"))
    }

    // MARK: The other options

    @Test func flagsSayHowTheTPMBegins() throws {
        func begins(_ value: String) throws -> (Bool, StartupKind) {
            let result = try configuration(with: "--flags", value)
            return (result.waitsForInit, result.startup)
        }
        #expect(try begins("not-need-init") == (false, .none))
        #expect(try begins("startup-clear") == (false, .clear))
        #expect(try begins("not-need-init,startup-state") == (false, .state))
        #expect(try begins("startup-deactivated") == (false, .deactivated))
        #expect(try begins("startup-none") == (true, .none))
        #expect(try begins("startup-none,not-need-init") == (false, .none))
        #expect(refusal(Self.served + ["--flags", "startup-clear,startup-state"]).contains("only one of"))
        #expect(refusal(Self.served + ["--flags", "startup-warm"]).contains("there is no 'startup-warm' here"))
        #expect(refusal(Self.served + ["--flags", "startup-clear", "--migration", "incoming"]).contains("--migration"))
        #expect(refusal(Self.served + ["--migration", "release-lock-outgoing=false"]).contains("always done"))
        #expect(try configuration(with: "--migration", "incoming").waitsForInit)
    }

    @Test func statesLieInDirectories() throws {
        func state(_ value: String) throws -> SwtpmConfiguration.State? {
            try configuration(["--ctrl", "type=unixio,path=c", "--tpmstate", value]).state
        }
        #expect(try state("dir=a/b,mode=0600") == .init(directory: "a/b", fileMode: 0o600))
        #expect(try state("backend-uri=dir://a/b") == .init(directory: "a/b"))
        #expect(try state("backend-uri=dir:///a,lock,fsync") == .init(directory: "/a"))
        for (value, sentence) in [
            ("mode=0600", "needs dir=PATH"), ("dir=", "'dir=' has no value"),
            ("dir=a,backend-uri=dir://b", "only one of 'dir' and 'backend-uri'"),
            ("backend-uri=file:///a", "'backend-uri=file:///a' cannot serve"), ("backend-uri=dir://", "cannot serve"),
            ("dir=a,lock=false", "leave 'lock=false' away"), ("dir=a,backup", "there is no 'backup' here"),
        ] {
            #expect(refusal(["--ctrl", "type=unixio,path=c", "--tpmstate", value]).contains(sentence), "\(value)")
        }
    }

    @Test func logs() throws {
        func log(_ value: String) throws -> SwtpmConfiguration.Log { try configuration(with: "--log", value).log }
        #expect(try log("level=20") == .init(target: .standardError, level: 20, prefix: nil))
        #expect(try log("file=l,truncate,prefix=x") == .init(target: .file(.path("l"), truncates: true), prefix: "x"))
        #expect(try log("fd=9,level=0") == .init(target: .file(.descriptor(9), truncates: false), level: 0))
        #expect(try log("file=-,level=5") == .init(target: .nowhere, level: 5))
        for (value, sentence) in [
            ("level=21", "level takes 0 to 20"), ("file=l,fd=1", "give only one of 'file' and 'fd'"),
            ("truncate", "'truncate' has no effect with standard error"),
            ("file=-,truncate", "'truncate' has no effect"),
            ("prefix=", "'prefix=' has no value"),
        ] {
            #expect(refusal(Self.served + ["--log", value]).contains("--log: \(sentence)"), "\(value)")
        }
    }

    @Test func theProcess() throws {
        #expect(try configuration(with: "--seccomp", "action=none").filter == nil)
        #expect(try configuration(with: "--seccomp", "action=log").filter == .log)
        #expect(try configuration(with: "--seccomp", "action=kill").filter == .kill)
        #expect(refusal(Self.served + ["--seccomp", "action=trap"]).contains("there is no 'action=trap'"))
        #expect(try configuration(with: "-r", "tss").user == "tss")
        #expect(try configuration(with: "--pid", "fd=4").processIDFile == .descriptor(4))
        #expect(refusal(Self.served + ["--pid", "fd=4,file=p"]).contains("only one of 'file' and 'fd'"))
        let locality = try configuration(with: "--locality", "reject-locality-4,allow-set-locality")
        #expect(locality.rejectsLocality4 && locality.acceptsSetLocality)
        #expect(try !configuration(with: "--locality", "reject-locality-4=false").rejectsLocality4)
    }

    @Test(arguments: [
        ["--tpm2"], ["--tpm2", "--print-capabilities"], ["--profile", "name=x"], ["--chroot", "/"], ["--vtpm-proxy"],
        ["--chardev", "/dev/x"], ["--print-capabilites"], ["extra"], ["--runas"], ["--log"], ["--port", "-1"],
        ["--print-info", "0"], ["--print-info", "4"], ["--print-info", "0x"], ["--print-states", "--print-info", "1"],
        ["--flags", ""], ["--locality", ""],
    ])
    func whatCannotServeIsRefused(arguments: [String]) {
        #expect(refusal(Self.served + arguments) != "it was not refused")
    }

    @Test(arguments: [
        "--port", "--fd", "--server", "--ctrl", "--tpmstate", "--log", "--locality", "--key", "--migration-key",
        "--migration", "--pid", "--runas", "--seccomp", "--flags", "--print-info",
    ])
    func noOptionCountsTwice(option: String) {
        let text = refusal([option, "1", option, "1", "--tpmstate", "dir=s"])
        let given = option == "--tpmstate" ? 3 : 2
        #expect(text == "\(option) is there \(given) times: give it once.")
    }

    @Test func aDaemonKeepsTheDescriptorsThatAreNamed() throws {
        let result = try configuration([
            "--tpmstate", "dir=s", "--ctrl", "type=unixio,clientfd=3", "--server", "type=tcp,fd=4", "--log", "fd=5",
            "--key", "fd=6", "--migration-key", "pwdfd=7", "--pid", "fd=8",
        ])
        #expect(result.descriptors == [3, 4, 5, 6, 7, 8])
        #expect(try configuration(Self.served).descriptors.isEmpty)
    }

    @Test func informationIsAskedForByNumber() throws {
        #expect(try configuration(["--print-info", "0x3"]).task == .printInformation(flags: 3))
        #expect(try configuration(["--print-info", "1"]).task == .printInformation(flags: 1))
    }

    @Test func whoIsCalledSwtpm() {
        #expect(Swtpm.arguments(of: ["/usr/bin/swtpm", "socket", "-d"]) == ["socket", "-d"])
        #expect(Swtpm.arguments(of: ["swtpm"]) == [])
        #expect(Swtpm.arguments(of: ["vtpm", "swtpm", "--version"]) == ["--version"])
        #expect(Swtpm.arguments(of: ["vtpm", "info", "swtpm"]) == nil)
        #expect(Swtpm.arguments(of: ["/opt/swtpm/vtpm", "info"]) == nil)
        #expect(Swtpm.arguments(of: []) == nil)
    }
}
