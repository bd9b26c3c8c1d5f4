import ArgumentParser
import Glibc
import TPMCrypto

/// The terminal of who runs the command.
enum Terminal {
    private static let interrupt: UInt8 = 3

    /// Asks for a line of text.
    static func readLine(_ prompt: String) throws -> String {
        let terminal = open("/dev/tty", O_RDWR | O_CLOEXEC)
        guard terminal >= 0 else {
            throw ValidationError("There is no terminal to ask at: answer with an option.")
        }
        defer { close(terminal) }
        say(prompt, on: terminal)
        var line = [UInt8](repeating: 0, count: 4096)
        let count = read(terminal, &line, line.count)
        guard count >= 0 else { throw FileError("/dev/tty: \(FileError.reason())") }
        return String(decoding: line[..<count].prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }

    /// Asks for a line without echo. Control-C ends the line and the command, and leaves the terminal as it was.
    static func readPassphrase(_ prompt: String) throws -> Secret {
        let terminal = open("/dev/tty", O_RDWR | O_CLOEXEC)
        guard terminal >= 0 else {
            throw ValidationError("There is no terminal to ask for a passphrase: say where it is with an option.")
        }
        defer { close(terminal) }
        var before = termios()
        guard tcgetattr(terminal, &before) == 0 else { throw FileError("/dev/tty: \(FileError.reason())") }
        var silent = before
        silent.c_lflag &= ~tcflag_t(ECHO | ISIG)
        withUnsafeMutableBytes(of: &silent.c_cc) { $0[Int(VEOL)] = interrupt }
        guard tcsetattr(terminal, TCSAFLUSH, &silent) == 0 else { throw FileError("/dev/tty: \(FileError.reason())") }
        defer { _ = tcsetattr(terminal, TCSAFLUSH, &before) }
        say(prompt, on: terminal)
        defer { say("\n", on: terminal) }

        var line = [UInt8](repeating: 0, count: 4096)
        defer { wipe(&line) }
        let count = read(terminal, &line, line.count)
        guard count >= 0 else { throw FileError("/dev/tty: \(FileError.reason())") }
        guard !line[..<count].contains(interrupt) else { throw FileError("interrupted") }
        return Secret(Array(line[..<count].prefix { $0 != UInt8(ascii: "\n") }))
    }

    private static func say(_ text: String, on terminal: Int32) {
        let bytes = Array(text.utf8)
        _ = write(terminal, bytes, bytes.count)
    }
}
