import CLinux
import Glibc

/// A filter in the kernel (seccomp) for system calls that a program that serves TPMs never makes, but one that was taken
/// over might. All others are allowed.
public enum SystemCallFilter {
    /// What happens at such a call.
    public enum Action: Sendable {
        /// The kernel logs it, and it is made.
        case log
        /// The process is killed by SIGSYS.
        case kill

        fileprivate var code: UInt32 { self == .kill ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_LOG }
    }

    static let forbidden = [
        // Other programs and processes.
        "execve", "execveat", "fork", "vfork", "kill", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "ptrace",
        "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp", "pidfd_open", "pidfd_getfd",
        "pidfd_send_signal",
        // Who the process is, and what it sees of the system.
        "setuid", "setuid32", "setgid", "setgid32", "setreuid", "setreuid32", "setregid", "setregid32", "setresuid",
        "setresuid32", "setresgid", "setresgid32", "setfsuid", "setfsuid32", "setfsgid", "setfsgid32", "setgroups",
        "setgroups32", "capset", "personality", "chroot", "pivot_root", "unshare", "setns",
        // File systems.
        "mount", "umount", "umount2", "mount_setattr", "move_mount", "open_tree", "fsopen", "fsconfig", "fsmount",
        "fspick", "swapon", "swapoff", "quotactl", "quotactl_fd", "mknod", "mknodat", "name_to_handle_at",
        "open_by_handle_at", "fanotify_init", "fanotify_mark", "acct",
        // The machine and its kernel.
        "reboot", "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "create_module",
        "bpf", "perf_event_open", "syslog", "iopl", "ioperm", "modify_ldt", "vm86", "vm86old", "sethostname",
        "setdomainname", "settimeofday", "stime", "clock_settime", "clock_settime64", "clock_adjtime",
        "clock_adjtime64", "adjtimex", "vhangup", "uselib", "_sysctl", "nfsservctl", "lookup_dcookie",
        // Keys of the kernel, and calls with a history of holes.
        "add_key", "request_key", "keyctl", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register",
        "move_pages", "migrate_pages", "mbind", "set_mempolicy",
    ]

    /// Puts the filter over all threads of this process and of those that it makes, for ever.
    public static func install(_ action: Action) throws(ProcessError) {
        guard let context = seccomp_init(SCMP_ACT_ALLOW) else { throw ProcessError("No filter can be made.") }
        defer { seccomp_release(context) }
        try check(seccomp_attr_set(context, SCMP_FLTATR_CTL_TSYNC, 1))
        // Calls in the manner of another kind of processor would pass by the list.
        try check(seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, action.code))
        for name in forbidden {
            let number = seccomp_syscall_resolve_name(name)
            // No machine has all of them, nor has a library that is older than one.
            guard number >= 0 else { continue }
            try check(seccomp_rule_add_array(context, action.code, number, 0, nil))
        }
        try check(seccomp_load(context))
    }

    private static func check(_ status: Int32) throws(ProcessError) {
        guard status == 0 else {
            throw ProcessError(
                "The filter for system calls cannot be installed: \(String(cString: strerror(-status))). Start without "
                    + "it if the system has none.")
        }
    }
}
