import Dispatch
import Glibc
import Synchronization
import TPMCrypto

/// The way to a TPM 2.0: a connection for each call, which runs on a thread of its own, one at a time.
///
/// Some ways of tpm2-tss wait for an answer for ever. A call that takes longer than its time-out fails then, and so does
/// every further one, at once, until the answer came after all or the connection broke.
final class TPM20Access: Sendable {
    let tcti: String
    let options: AnchorOptions
    private let turn = Mutex(())
    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "TPM 2.0")

    private struct State {
        /// A call that nobody waits for any more, and that goes on.
        var isStuck = false
        var parent: SavedContext?
    }

    init(_ tcti: String, _ options: AnchorOptions) {
        self.tcti = tcti
        self.options = options
        _ = Self.isQuiet
    }

    /// In microseconds.
    private static let pause: UInt32 = 20_000

    /// The saved key with which the others are wrapped, of the last call.
    var parent: SavedContext? {
        get { state.withLock { $0.parent } }
        set { state.withLock { $0.parent = newValue } }
    }

    /// Runs `body` with a connection; from the beginning again while the TPM has no room or no time.
    ///
    /// - Parameter patient: whether it makes keys, which takes longer.
    func use<T: Sendable>(
        patient: Bool = false, _ body: @escaping @Sendable (ESYS) throws -> T
    ) throws(AnchorError) -> T {
        let limit = patient ? options.timeout * 10 : options.timeout
        do {
            return try turn.withLock { _ in try waiting(limit) { [self] in try trying(body) } }
        } catch {
            throw AnchorError(tpm20: error)
        }
    }

    private func waiting<T: Sendable>(_ limit: Duration, _ body: @escaping @Sendable () throws -> T) throws -> T {
        guard !state.withLock({ $0.isStuck }) else {
            throw AnchorError.unreachable("it still has not answered an earlier call.")
        }
        let outcome = Outcome<T>()
        let done = DispatchSemaphore(value: 0)
        queue.async { [self] in
            let result = Result { try withoutBrokenPipes(body) }
            outcome.result.withLock { $0 = result }
            state.withLock { $0.isStuck = false }
            done.signal()
        }
        let (seconds, attoseconds) = limit.components
        let deadline = DispatchTime.now() + Double(seconds) + Double(attoseconds) / 1e18
        if done.wait(timeout: deadline) == .timedOut {
            // It may have ended just now; then nothing is stuck.
            state.withLock { state in
                state.isStuck = outcome.result.withLock { $0 == nil }
            }
        }
        guard let result = outcome.result.withLock({ $0 }) else {
            throw AnchorError.unreachable("it did not answer within \(limit).")
        }
        return try result.get()
    }

    private final class Outcome<T: Sendable>: Sendable {
        let result = Mutex<Result<T, any Error>?>(nil)
    }

    private func trying<T>(_ body: (ESYS) throws -> T) throws -> T {
        let start = ContinuousClock.now
        while true {
            // In a function of its own, so that the connection is closed before the next.
            if let result = try once(until: start + options.patience, body) { return result }
            usleep(Self.pause)
        }
    }

    /// Nil when it is worth another try.
    private func once<T>(until end: ContinuousClock.Instant, _ body: (ESYS) throws -> T) throws -> T? {
        let esys = try ESYS(tcti)
        do {
            return try body(esys)
        } catch let error as TPM20Error {
            guard error.passes, .now < end else { throw error }
            if error.isRoom, options.isOnlyUser { esys.removeAll() }
            return nil
        }
    }

    /// tpm2-tss writes to the standard error what every function returned that failed. It is told not to, unless the
    /// environment says how much it may.
    private static let isQuiet = setenv("TSS2_LOG", "all+NONE", 0) == 0
}

/// Runs `body` in a thread that no broken pipe ends the process for: tpm2-tss writes to sockets whose other end may be
/// gone, and sees from the result that it is.
private func withoutBrokenPipes<T>(_ body: () throws -> T) rethrows -> T {
    var (pipe, before) = (sigset_t(), sigset_t())
    sigemptyset(&pipe)
    sigaddset(&pipe, SIGPIPE)
    pthread_sigmask(SIG_BLOCK, &pipe, &before)
    defer {
        // The signal of this thread, which would come when it is let through again.
        var now = timespec()
        while sigismember(&before, SIGPIPE) == 0, sigtimedwait(&pipe, nil, &now) == SIGPIPE {}
        pthread_sigmask(SIG_SETMASK, &before, nil)
    }
    return try body()
}
