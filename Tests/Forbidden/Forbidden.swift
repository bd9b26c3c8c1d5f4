import Glibc
import TPMServer

/// Puts the filter for system calls over itself, with the action that the first argument names, and makes the call that
/// the second one names. Status 0 says that the call was made; 2 that the arguments are wrong or there is no filter.
@main
enum Forbidden {
    static func main() {
        let action: SystemCallFilter.Action? =
            switch CommandLine.arguments.dropFirst().first {
            case "log": .log
            case "kill": .kill
            default: nil
            }
        guard let action, let call = calls[CommandLine.arguments.last ?? ""] else { exit(2) }
        do { try SystemCallFilter.install(action) } catch { exit(2) }
        call()
        exit(0)
    }

    /// None has an effect with these operands.
    private static let calls: [String: @Sendable () -> Void] = [
        "kill": { kill(getpid(), 0) }, "setuid": { setuid(getuid()) }, "setgid": { setgid(getgid()) },
        "chroot": { chroot("/nowhere") }, "umount2": { umount("/nowhere") }, "execve": { execv("/nowhere", []) },
        "mknodat": { mknod("/nowhere/at/all", S_IFCHR, 0) }, "sethostname": { sethostname("", -1) },
        // What is not forbidden.
        "getpid": { _ = getpid() }, "openat": { close(open("/", O_RDONLY)) },
        "socket": { close(socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)) },
        "clone": {
            var thread = pthread_t()
            pthread_create(&thread, nil, { _ in nil }, nil)
            pthread_join(thread, nil)
        },
    ]
}
