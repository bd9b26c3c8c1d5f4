import CLinux
import Glibc

/// A process that goes on in the background, while the one that was started waits until it is ready.
public struct Daemon: Sendable {
    private let reporter: Int32

    /// Runs `body` in a child process, in a session of its own. The process itself ends with status 0 when the child calls
    /// ``isReady()``, or with the child's status when that ends before.
    ///
    /// The process must have no other thread: they stay behind.
    ///
    /// - Parameter kept: the open descriptors that the child needs beside standard input, output and error. It closes all
    ///   others, for whoever is at the other end may wait for that.
    public static func run(
        keeping kept: Set<Int32>, _ body: @escaping @Sendable (Daemon) -> Never
    ) throws(ProcessError) -> Never {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw ProcessError("No pipe can be made: \(lastError()).") }
        let (reader, writer) = (ends[0], ends[1])
        let child = vtpm_fork()
        guard child >= 0 else { throw ProcessError("No process can be made: \(lastError()).") }
        guard child == 0 else {
            close(writer)
            waitForReport(reader, of: child)
        }
        closeAll(but: kept.union([writer]))
        setsid()
        // Mutex and Dispatch remember the number of the thread that they run on, and this thread has had another since it
        // became a process. So it waits while a new one works.
        try startThread { body(Daemon(reporter: writer)) }
        while true { pause() }
    }

    private static func waitForReport(_ reader: Int32, of child: pid_t) -> Never {
        var report: UInt8 = 0
        var count = 0
        repeat { count = read(reader, &report, 1) } while count < 0 && errno == EINTR
        if count == 1 { _exit(0) }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
        // What the shell makes of it: the status, or 128 and the signal.
        let signal = status & 0x7f
        _exit(signal == 0 ? status >> 8 & 0xff : 128 + signal)
    }

    private static func closeAll(but kept: Set<Int32>) {
        guard let directory = opendir("/proc/self/fd") else { return }
        var open: [Int32] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if let descriptor = Int32(name) { open.append(descriptor) }
        }
        closedir(directory)
        for descriptor in open where descriptor > STDERR_FILENO && !kept.contains(descriptor) { close(descriptor) }
    }

    private static func startThread(_ body: @escaping @Sendable () -> Never) throws(ProcessError) {
        final class Box {
            let body: @Sendable () -> Never

            init(_ body: @escaping @Sendable () -> Never) { self.body = body }
        }

        var thread = pthread_t()
        let box = Unmanaged.passRetained(Box(body))
        let status = pthread_create(
            &thread, nil,
            { context in
                if let context { Unmanaged<Box>.fromOpaque(context).takeRetainedValue().body() }
                return nil
            }, box.toOpaque())
        guard status == 0 else {
            box.release()
            throw ProcessError("No thread can be made: \(String(cString: strerror(status))).")
        }
    }

    /// Lets go of the terminal (standard input, output and error are /dev/null from here on), and lets the process that was
    /// started end.
    public func isReady() throws(ProcessError) {
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        guard null >= 0 else { throw ProcessError("/dev/null cannot be opened: \(lastError()).") }
        for standard in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] { dup2(null, standard) }
        if null > STDERR_FILENO { close(null) }
        var report: UInt8 = 1
        _ = write(reporter, &report, 1)
        close(reporter)
    }
}
