import ArgumentParser
import TPMServer

/// `swtpm socket`: one TPM, with swtpm's options and its control channel.
struct SwtpmSocket: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "socket",
        abstract: "Serve a TPM 1.2 on sockets, with swtpm's options.",
        discussion: """
            The values of most options are parts with commas between them. A part, an option or a value that this \
            program does not have is an error, and so is one that is there twice or has no effect. Every error ends it \
            with status 1.

            Examples:
              swtpm socket --tpmstate dir=/var/lib/tpm/web --ctrl type=unixio,path=/run/web.sock --terminate
              swtpm socket --tpmstate dir=/tmp/tpm --server type=tcp,port=2321 --flags startup-clear
            """)

    // Lists, since the parser would take the last of several and say nothing of the others.

    @Option(
        name: [.customShort("p", allowingJoined: true), .customLong("port")],
        help: ArgumentHelp(
            "Take TPM commands at this TCP port of 127.0.0.1, as --server type=tcp,port=N does.", valueName: "n"))
    var ports: [String] = []

    @Option(
        name: [.customShort("f", allowingJoined: true), .customLong("fd")],
        help: ArgumentHelp("Take TPM commands from this open socket, and end with its peer.", valueName: "n"))
    var descriptors: [String] = []

    @Flag(name: .shortAndLong, help: "End when the client that sends TPM commands leaves.")
    var terminate = false

    @Flag(
        name: .shortAndLong,
        help: "Go on in the background. The command returns when the TPM can be reached, or with the error.")
    var daemon = false

    @Option(
        name: .customLong("server"),
        help: ArgumentHelp(
            "Where TPM commands come from: type=tcp,port=N[,bindaddr=ADDRESS[,ifname=NAME]] (127.0.0.1 without "
                + "bindaddr), type=unixio,path=PATH[,mode=0770][,uid=USER][,gid=GROUP], or type=tcp|unixio,fd=N for an "
                + "open socket, connected or listening. With disconnect, each client gets one answer. Without the "
                + "option, a client of the control channel hands over the socket.", valueName: "parts"))
    var servers: [String] = []

    @Option(
        name: .customLong("ctrl"),
        help: ArgumentHelp(
            "The control channel, which QEMU and swtpm_ioctl speak: as --server, or type=unixio,clientfd=N for a "
                + "connected socket. With terminate, the program ends when its client leaves. Who may connect owns the "
                + "TPM and its secrets.", valueName: "parts"))
    var controls: [String] = []

    @Option(
        name: .customLong("tpmstate"),
        help: ArgumentHelp(
            "The directory of the state: dir=PATH or backend-uri=dir://PATH, and mode=0640, the permissions of its "
                + "files. A state is always locked and synced to disk: lock and fsync ask for what is done anyway. "
                + "Without the option, the variable TPM_PATH has the directory.", valueName: "parts"))
    var states: [String] = []

    @Option(
        name: .customLong("log"),
        help: ArgumentHelp(
            "The log: file=PATH (file=- for none) or fd=N, level=0 to 20 (from 5 on each command with its fields, "
                + "secrets masked), prefix=TEXT, truncate. Without file and fd, standard error.", valueName: "parts"))
    var logs: [String] = []

    @Option(
        name: .customLong("locality"),
        help: ArgumentHelp(
            "reject-locality-4 lets nobody choose locality 4; allow-set-locality takes the kernel's own command that "
                + "chooses one from among the TPM commands.", valueName: "parts"))
    var localities: [String] = []

    @Option(
        name: .customLong("key"),
        help: ArgumentHelp(
            "Encrypt the files of the state: with the key in file=PATH or fd=N (format=hex|binary), or with one made "
                + "from the passphrase in pwdfile=PATH or pwdfd=N (kdf=pbkdf2|sha512); "
                + "mode=aes-cbc|aes-128-cbc|aes-256-cbc; remove unlinks the file when it was read.", valueName: "parts")
    )
    var keys: [String] = []

    @Option(
        name: .customLong("migration-key"),
        help: ArgumentHelp(
            "Encrypt every state that leaves through the control channel; as --key.", valueName: "parts"))
    var migrationKeys: [String] = []

    @Option(
        name: .customLong("migration"),
        help: ArgumentHelp(
            "incoming leaves the state unlocked until INIT, release-lock-outgoing unlocks it when all of it has left. "
                + "Both are what is done anyway.", valueName: "parts"))
    var migrations: [String] = []

    @Option(
        name: .customLong("pid"),
        help: ArgumentHelp("Write the process id to file=PATH, which goes in the end, or to fd=N.", valueName: "parts"))
    var processIDs: [String] = []

    @Option(
        name: [.customShort("r", allowingJoined: true), .customLong("runas")],
        help: ArgumentHelp(
            "Become this user before anything is opened; for root alone.", valueName: "user"))
    var users: [String] = []

    @Option(
        name: .customLong("seccomp"),
        help: ArgumentHelp(
            "action=kill, log or none: what happens when the program makes a system call that it never needs.",
            valueName: "parts"))
    var filters: [String] = []

    @Option(
        name: .customLong("flags"),
        help: ArgumentHelp(
            "not-need-init gives the TPM power at the start; startup-clear, startup-state and startup-deactivated send "
                + "TPM_Startup, too; startup-none sends none.", valueName: "parts"))
    var flags: [String] = []

    @Flag(help: "Refused: the TPM is a TPM 1.2.")
    var tpm2 = false

    @Flag(help: "Print what this program can do, as JSON, and end.")
    var printCapabilities = false

    @Flag(help: "Print which states the directory holds, as JSON, and end.")
    var printStates = false

    @Option(
        name: .customLong("print-info"),
        help: ArgumentHelp(
            "Print as JSON what the TPM is, and end: 1 for its specification, 2 for its maker, 3 for both.",
            valueName: "flags"))
    var informationFlags: [String] = []
}
