import ArgumentParser
import Glibc

/// `vtpm swtpm`, and all of a program whose name is swtpm: this program with swtpm's command line.
struct Swtpm: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "swtpm",
        abstract: "Serve a TPM 1.2 in swtpm's place.",
        discussion: """
            A link named swtpm to this program is what swtpm is to QEMU, libvirt, swtpm_setup and swtpm_ioctl, for a \
            TPM 1.2: swtpm socket … is then vtpm swtpm socket ….
            """,
        version: "TPM emulator version \(VTPM.version), vtpm in swtpm's place, TPM 1.2 alone",
        subcommands: [SwtpmSocket.self])

    /// The arguments behind the name of swtpm, where a process was started as that; nil otherwise.
    static func arguments(of process: [String]) -> [String]? {
        guard let program = process.first else { return nil }
        if program.split(separator: "/").last == "swtpm" { return Array(process.dropFirst()) }
        return process.dropFirst().first == "swtpm" ? Array(process.dropFirst(2)) : nil
    }

    /// Does what the arguments say, and ends the process as swtpm would.
    static func end(_ arguments: [String]) -> Never {
        end {
            try checkInterface(arguments.first)
            var command = try parseAsRoot(arguments.first == "-v" ? ["--version"] : arguments)
            try command.run()
        }
    }

    /// Ends the process when `body` is done: with status 0, or with 1 and a sentence on standard error.
    static func end(_ body: () throws -> Void) -> Never {
        do {
            try body()
            Glibc.exit(0)
        } catch {
            let isHelp = exitCode(for: error) == .success
            Output.write(
                isHelp ? "\(fullMessage(for: error))\n" : "swtpm: \(sentence(for: error))\n",
                to: isHelp ? STDOUT_FILENO : STDERR_FILENO)
            Glibc.exit(isHelp ? 0 : 1)
        }
    }

    /// What the parser says of an error of its own comes with how the command is used.
    private static func sentence(for error: any Error) -> String {
        let text = message(for: error)
        return exitCode(for: error) == .validationFailure ? "\(text)\nswtpm socket --help shows the options." : text
    }

    private static func checkInterface(_ word: String?) throws(SwtpmError) {
        switch word {
        case nil: throw SwtpmError("Say which interface the TPM shall have: swtpm socket … is the one there is.")
        case "chardev": throw SwtpmError("chardev cannot serve: vtpm emulate --vtpm-proxy makes a TPM device.")
        case "cuse": throw SwtpmError("cuse cannot serve: this program makes no device in user space.")
        default: break
        }
    }
}
