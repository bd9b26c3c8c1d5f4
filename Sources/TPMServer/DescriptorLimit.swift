import Glibc

/// How many files and sockets the process may have open.
public enum DescriptorLimit {
    /// Raises it to what the system permits this process; returns the limit from then on.
    @discardableResult
    public static func raise() -> UInt64 {
        let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(files, &limit) == 0 else { return 0 }
        let before = limit.rlim_cur
        limit.rlim_cur = limit.rlim_max
        return UInt64(setrlimit(files, &limit) == 0 ? limit.rlim_cur : before)
    }
}
