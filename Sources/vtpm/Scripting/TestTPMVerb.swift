import ArgumentParser
import Dispatch
import Glibc
import TPMCrypto
import TPMServer
import TPMTesting

/// `vtpm test-tpm`: a `TestTPM` on a socket.
struct TestTPMVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test-tpm",
        abstract: "Serve a TPM 1.2 for a test: in any state, the same bytes every time, with faults when asked.",
        discussion: """
            Every nonce and key follows from the seed, and the TPM's clock stands still until it is turned. The state is \
            in memory and gone with the process. The first line of standard output is the address. Docs/Testing.md has \
            the known secrets.

            What a line on standard input says happens to the TPM, and a line that begins with "ok" or "error" answers:
              clock 5.000000                          the clock shows 5 s
              power off | power on | power cycle      the last with TPM_Startup(ST_CLEAR)
              presence on | presence off              the hardware's signal of physical presence
              store loses the power before write 2    or after; writes are counted from now
              store fails 3 with 0x11                 three writes fail with TPM_NOSPACE; "store works" ends it
              random repeats                          every draw is the same; "random fails", "random works"
              locality 2                              where commands arrive from now on

            SIGTERM and SIGINT end the process with status 0. Example:
              vtpm test-tpm --start endorsed --seed 17 --listen unix:/tmp/tpm.sock --record session.txt
            """)

    @Option(
        help: ArgumentHelp(
            "factory, endorsed, owned or with-keys, and after commas what else is the matter: disabled, deactivated, "
                + "locked-out, failed, unstarted.", valueName: "words"))
    var start = Start.owned

    @Option(help: ArgumentHelp("What all random bytes follow from; any text.", valueName: "text"))
    var seed = "TestTPM"

    @Option(help: ArgumentHelp("tcp:HOST:PORT or unix:PATH; port 0 takes a free one.", valueName: "address"))
    var listen = ListenAddress.tcp(host: "127.0.0.1", port: 0)

    @Option(help: ArgumentHelp("Write what was done with the TPM to a file at the end.", valueName: "file"))
    var record: String?

    func run() throws {
        let tpm = try TestTPM(start, seed: seed, records: record != nil)
        let ending = Ending()
        let served = try tpm.serve(at: listen)
        Output.write("\(served.address)\n", to: STDOUT_FILENO)
        Self.obey(tpm)
        ending.wait()
        served.stop()
        guard let record, let recording = tpm.recording else { return }
        try Files.write(Secret(Array(recording.text.utf8)), to: record, mode: 0o666)
    }

    /// Takes the lines of standard input on a thread of its own.
    private static func obey(_ tpm: TestTPM) {
        DispatchQueue.global().async {
            while let line = readLine() {
                guard !line.isEmpty else { continue }
                do {
                    try tpm.perform(words: line)
                    Output.write("ok\n", to: STDOUT_FILENO)
                } catch {
                    Output.write("error \(error)\n", to: STDOUT_FILENO)
                }
            }
        }
    }
}

extension Start: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}
