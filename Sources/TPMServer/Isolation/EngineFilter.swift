import CLinux
import Glibc

/// The system calls of an engine in a process of its own: what its sockets, its memory and its threads need. No file can be
/// opened, no socket made or connected, no program started, no process looked at, and no memory made executable.
package enum EngineFilter {
    /// Made as they are asked for.
    private static let allowed = [
        // The sockets that it was given, and those of its clients.
        "read", "readv", "recvfrom", "recvmsg", "write", "writev", "sendto", "sendmsg", "accept", "accept4", "close",
        "getsockname", "getsockopt", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2",
        "eventfd2", "poll", "ppoll", "timerfd_create", "timerfd_settime",
        // Memory.
        "brk", "munmap", "mremap", "madvise",
        // Threads.
        "futex", "futex_time64", "set_robust_list", "rseq", "sched_yield", "sched_getaffinity", "gettid", "getpid",
        "getppid", "membarrier", "exit", "exit_group", "sigaltstack", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn",
        "restart_syscall",
        // The time, and random bytes.
        "clock_gettime", "clock_gettime64", "clock_getres", "clock_nanosleep", "clock_nanosleep_time64", "gettimeofday",
        "nanosleep", "getrandom",
        // What it is and has used.
        "getuid", "geteuid", "getgid", "getegid", "getrusage", "sysinfo", "uname",
    ]

    /// Answered by "permission denied", since a library may look for a file, or for the system's log, that it can do without.
    private static let denied = [
        "open", "openat", "openat2", "access", "faccessat", "faccessat2", "stat", "stat64", "lstat", "newfstatat",
        "fstat", "fstatat64", "statx", "readlink", "readlinkat", "getcwd", "ioctl", "sched_setscheduler", "socket",
    ]

    /// Puts the filter over all threads of this process and of those that it makes, for ever. Any other call kills the
    /// process with SIGSYS.
    package static func install() throws(ProcessError) {
        guard let context = seccomp_init(SCMP_ACT_KILL_PROCESS) else { throw ProcessError("No filter can be made.") }
        defer { seccomp_release(context) }
        try check(seccomp_attr_set(context, SCMP_FLTATR_CTL_TSYNC, 1))
        try check(seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS))
        for name in allowed { try add(context, SCMP_ACT_ALLOW, name) }
        for name in denied { try add(context, errnoAction(EACCES), name) }
        // The C library goes back to clone, whose flags a filter sees.
        try add(context, errnoAction(ENOSYS), "clone3")
        try add(context, SCMP_ACT_ALLOW, "clone", [has(CLONE_THREAD, inArgument: 0)])
        for name in ["mmap", "mmap2", "mprotect"] {
            try add(context, SCMP_ACT_ALLOW, name, [lacks(PROT_EXEC, inArgument: 2)])
        }
        // Nothing by which a process of the same user could be reached: its signals, its limits, the owner of a socket.
        try add(context, SCMP_ACT_ALLOW, "tgkill", [equal(UInt64(getpid()), inArgument: 0)])
        try add(context, SCMP_ACT_ALLOW, "prlimit64", [equal(0, inArgument: 0)])
        try add(
            context, SCMP_ACT_ALLOW, "setpriority",
            [equal(UInt64(PRIO_PROCESS.rawValue), inArgument: 0), equal(0, inArgument: 1)])
        for name in ["fcntl", "fcntl64"] {
            for command in [F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC] {
                try add(context, SCMP_ACT_ALLOW, name, [equal(UInt64(command), inArgument: 1)])
            }
        }
        for (level, option) in [(Int32(IPPROTO_TCP), TCP_NODELAY), (SOL_SOCKET, SO_KEEPALIVE)] {
            try add(
                context, SCMP_ACT_ALLOW, "setsockopt",
                [equal(UInt64(level), inArgument: 1), equal(UInt64(option), inArgument: 2)])
        }
        // The name of a thread, and nothing that confines the process.
        try add(context, SCMP_ACT_ALLOW, "prctl", [equal(UInt64(PR_SET_NAME), inArgument: 0)])
        try add(
            context, errnoAction(EINVAL), "prctl",
            [scmp_arg_cmp(arg: 0, op: SCMP_CMP_NE, datum_a: scmp_datum_t(PR_SET_NAME), datum_b: 0)])
        try check(seccomp_load(context))
    }

    private static func add(
        _ context: scmp_filter_ctx, _ action: UInt32, _ name: String, _ conditions: [scmp_arg_cmp] = []
    ) throws(ProcessError) {
        let number = seccomp_syscall_resolve_name(name)
        // No machine has all of them.
        guard number >= 0 else { return }
        let status = seccomp_rule_add_array(context, action, number, UInt32(conditions.count), conditions)
        // A library makes one call of two names.
        if status != -EEXIST { try check(status) }
    }

    /// SCMP_ACT_ERRNO.
    private static func errnoAction(_ number: Int32) -> UInt32 { 0x0005_0000 | UInt32(number) & 0xffff }

    private static func equal(_ value: UInt64, inArgument index: UInt32) -> scmp_arg_cmp {
        scmp_arg_cmp(arg: index, op: SCMP_CMP_EQ, datum_a: value, datum_b: 0)
    }

    private static func has(_ flag: Int32, inArgument index: UInt32) -> scmp_arg_cmp {
        scmp_arg_cmp(
            arg: index, op: SCMP_CMP_MASKED_EQ, datum_a: scmp_datum_t(flag), datum_b: scmp_datum_t(flag))
    }

    private static func lacks(_ flag: Int32, inArgument index: UInt32) -> scmp_arg_cmp {
        scmp_arg_cmp(arg: index, op: SCMP_CMP_MASKED_EQ, datum_a: scmp_datum_t(flag), datum_b: 0)
    }

    private static func check(_ status: Int32) throws(ProcessError) {
        guard status == 0 else {
            throw ProcessError(
                "The filter for an engine's system calls cannot be installed: \(String(cString: strerror(-status))).")
        }
    }
}
