import Glibc
import TPMServer

/// Puts the filter for system calls over itself, with the action that the first argument names, and makes the call that
/// the second one names. Status 0 says that the call was made; 2 that the arguments are wrong or there is no filter. With
/// the word `engine` for an action it is the filter of a guest's engine, and status 3 says that the call was denied. The name
/// of a ``HostileEngine`` as the first argument makes it one.
@main
enum Forbidden {
    static func main() {
        let word = CommandLine.arguments.dropFirst().first ?? ""
        if let engine = HostileEngine(rawValue: word) { engine.run() }
        guard let call = calls[CommandLine.arguments.last ?? ""] else { exit(2) }
        do {
            switch word {
            case "log": try SystemCallFilter.install(.log)
            case "kill": try SystemCallFilter.install(.kill)
            case "engine": try EngineFilter.install()
            default: exit(2)
            }
        } catch { exit(2) }
        errno = 0
        call()
        // At once: a build that counts the lines of code would write its counts at the end, which is forbidden, too.
        _exit(errno == EACCES ? 3 : 0)
    }

    /// None has an effect with these operands.
    private static let calls: [String: @Sendable () -> Void] = [
        "kill": { kill(getpid(), 0) }, "setuid": { setuid(getuid()) }, "setgid": { setgid(getgid()) },
        "chroot": { chroot("/nowhere") }, "umount2": { umount("/nowhere") }, "execve": { execv("/nowhere", []) },
        "mknodat": { mknod("/nowhere/at/all", S_IFCHR, 0) }, "sethostname": { sethostname("", -1) },
        "tgkill": { pthread_kill(pthread_self(), 0) }, "connect": { connect(0, nil, 0) },
        "listen": { listen(0, 1) },
        "mprotect": {
            let page = mmap(nil, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
            mprotect(page, 4096, PROT_READ | PROT_EXEC)
        },
        "setown": { fcntl(0, F_SETOWN, getpid()) }, "unlink": { unlink("/nowhere") },
        "rename": { rename("/nowhere", "/elsewhere") },
        // What is not forbidden.
        "getpid": { _ = getpid() }, "openat": { if case let file = open("/", O_RDONLY), file >= 0 { close(file) } },
        "socket": {
            if case let made = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0), made >= 0 { close(made) }
        },
        "clone": {
            var thread = pthread_t()
            pthread_create(&thread, nil, { _ in nil }, nil)
            pthread_join(thread, nil)
        },
    ]
}
