import CLinux
import Glibc

/// A child process that runs a program of its own, with nothing of this process but a few descriptors.
struct ChildProcess {
    let id: pid_t
    /// Readable when the process has ended; whoever has this value closes it.
    let descriptor: Int32

    /// How a process ended.
    enum Ending: Equatable, CustomStringConvertible {
        case status(Int32)
        case signal(Int32)

        var description: String {
            switch self {
            case .status(let status): "it ended with status \(status)"
            case .signal(SIGSYS): "it was killed for a system call that no engine makes"
            case .signal(let signal): "it was killed by signal \(signal) (\(String(cString: strsignal(signal))))"
            }
        }
    }

    /// All that there is: a process that dies shows nobody what was in its memory.
    static let environment = ["SWIFT_BACKTRACE=enable=no"]

    /// Starts a program with ``environment`` and /dev/null as standard input and output, in a session of its own.
    ///
    /// - Parameters:
    ///   - arguments: what stands behind the name.
    ///   - kept: the descriptors that it gets as 3, 4, 5 and so on; it has no others.
    ///   - errors: what it gets as standard error.
    init(_ program: String, _ arguments: [String], keeping kept: [Int32], errors: Int32) throws(ProcessError) {
        let first = STDERR_FILENO + 1
        let end = first + Int32(kept.count)
        // Out of the way of the numbers that they get.
        let copies = (kept + [errors]).map { fcntl($0, F_DUPFD_CLOEXEC, end) }
        defer { for copy in copies where copy >= 0 { close(copy) } }
        guard copies.allSatisfy({ $0 >= 0 }) else { throw ProcessError("No descriptor is left: \(lastError()).") }

        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)
        for (copy, number) in zip(copies, Array(first..<end) + [STDERR_FILENO]) {
            posix_spawn_file_actions_adddup2(&actions, copy, number)
        }
        posix_spawn_file_actions_addclosefrom_np(&actions, end)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        let flags = Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF) | vtpm_spawn_setsid
        posix_spawnattr_setflags(&attributes, flags)

        let words = ([program] + arguments).map { strdup($0) }
        let environment = Self.environment.map { strdup($0) }
        defer { for word in words + environment { free(word) } }
        var id = pid_t()
        let status = posix_spawn(&id, program, &actions, &attributes, words + [nil], environment + [nil])
        guard status == 0 else {
            throw ProcessError("The program \(program) cannot be started: \(String(cString: strerror(status))).")
        }
        self.id = id
        descriptor = vtpm_pidfd_open(id)
        guard descriptor >= 0 else {
            let reason = lastError()
            Glibc.kill(id, SIGKILL)
            var ignored: Int32 = 0
            while waitpid(id, &ignored, 0) < 0, errno == EINTR {}
            throw ProcessError("A process that was started cannot be watched: \(reason).")
        }
    }

    /// Ends it at once. To be called before ``reap()`` said how it ended, since its number may be another's then.
    func kill() { Glibc.kill(id, SIGKILL) }

    /// How it ended; nil while it runs.
    func reap() -> Ending? {
        var status: Int32 = 0
        guard waitpid(id, &status, WNOHANG) == id else { return nil }
        let signal = status & 0x7f
        return signal == 0 ? .status(status >> 8 & 0xff) : .signal(signal)
    }
}
