import CLinux
import Glibc

/// What the process of an engine takes from itself before it looks at anything that a guest wrote.
enum EngineConfinement {
    /// Bytes of memory that it may write to: many times what an engine needs.
    private static let memory: rlim_t = 256 << 20
    /// Descriptors beside those of its clients.
    private static let descriptors = 64

    /// Gives up privileges, cores, tracers and new programs for ever; the process dies with the one that started it.
    static func enter(user: EngineUser?, connections: Int) throws(ProcessError) {
        try limit(RLIMIT_CORE, 0)
        try limit(RLIMIT_NOFILE, rlim_t(descriptors + connections))
        try limit(RLIMIT_DATA, memory)
        if let user { try ProcessUser.become(user) }
        guard geteuid() != 0, getuid() != 0 else {
            throw ProcessError("An engine in a process of its own does not run as root: name a user for it.")
        }
        // After that, for a change of user takes both back.
        guard vtpm_prctl(PR_SET_PDEATHSIG, UInt(SIGKILL)) == 0, vtpm_prctl(PR_SET_DUMPABLE, 0) == 0,
            vtpm_prctl(PR_SET_NO_NEW_PRIVS, 1) == 0
        else { throw ProcessError("The process of an engine cannot be confined: \(lastError()).") }
    }

    private static func limit(_ resource: __rlimit_resource, _ value: rlim_t) throws(ProcessError) {
        var limit = rlimit(rlim_cur: value, rlim_max: value)
        guard setrlimit(__rlimit_resource_t(resource.rawValue), &limit) == 0 else {
            throw ProcessError("The process of an engine cannot be limited: \(lastError()).")
        }
    }
}
