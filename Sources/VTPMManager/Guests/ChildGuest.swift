import Dispatch
import Foundation
import Logging
import Synchronization
import TPMCrypto
import TPMEngine
import TPMServer

/// A guest's TPM whose engine is a process of its own.
///
/// With swtpm's control protocol an engine that died is started again, without power, for the next QEMU. A raw one is not:
/// its TPM would get power and a TPM_Startup under a machine that runs on, which could then extend PCRs as if it had just
/// booted.
final class ChildGuest: GuestService {
    private let isolated: IsolatedGuest
    private let logger: Logger
    private let life = Mutex(Life())
    private let ended = DispatchGroup()
    private let restarts: Bool
    private let whenEnded: @Sendable (String) -> Void

    private struct Life {
        var isEnding = false
        var restarts = Allowance(5, oneMoreAfter: 60)
    }

    /// Serves the TPM at a Unix socket, and returns when its engine does.
    ///
    /// - Parameters:
    ///   - options: who the engine is, and where its sockets and its program are.
    ///   - report: what becomes of the store; nil when it works again.
    ///   - whenEnded: called with the reason when it ended by itself.
    init(
        _ store: GuestStateStore, keys: KeyPairPool, initialPCRs: [Int: Digest], _ interface: GuestInterface,
        at socket: String, _ options: ManagerConfiguration.Guests, on loop: ServingLoop, logger: Logger,
        report: @escaping @Sendable (StoreError?) -> Void, whenEnded: @escaping @Sendable (String) -> Void
    ) throws(ManagerError) {
        var engine = IsolatedGuest.Options()
        engine.isPoweredAtStart = interface == .raw
        // The next QEMU finds it where it was.
        engine.survivesShutdown = true
        engine.initialPCRs = initialPCRs
        engine.whenStoreChanges = report
        engine.program = options.engine
        if geteuid() == 0 {
            do throws(ProcessError) { engine.user = try EngineUser(options.user) } catch {
                throw ManagerError(.failed, error.description)
            }
        }
        self.logger = logger
        self.whenEnded = whenEnded
        restarts = interface == .control
        let back = Later<ChildGuest>()
        isolated = IsolatedGuest(store: store, keys: keys, logger: logger, options: engine, on: loop) { reason in
            back.value?.engineEnded(reason)
        }
        back.value = self
        do throws(ListenError) {
            try isolated.listen(
                at: .unix(path: socket), for: interface == .raw ? .data : .control, permissions: options.permissions)
        } catch { throw ManagerError(.failed, error.description) }
        ended.enter()
        if let failure: StartupError = Awaited.answer({ isolated.start($0) }) {
            ended.leave()
            isolated.close()
            throw ManagerError(.failed, failure.description)
        }
    }

    /// An engine that had started is gone; on the loop's thread.
    private func engineEnded(_ reason: String?) {
        let mayRestart = life.withLock { life in
            guard !life.isEnding else { return false }
            let mayRestart = restarts && life.restarts.take()
            life.isEnding = !mayRestart
            return mayRestart
        }
        if let reason { logger.error("The guest's engine is gone: \(reason)") }
        guard mayRestart else { return end(reason) }
        isolated.start { [weak self] failure in
            guard let self else { return }
            guard let failure else {
                // Who asked meanwhile found no engine to stop.
                if life.withLock({ $0.isEnding }) { isolated.stop() }
                return
            }
            life.withLock { $0.isEnding = true }
            end(failure.description)
        }
    }

    private func end(_ reason: String?) {
        isolated.close()
        ended.leave()
        whenEnded(reason.map { "Its engine is gone: \($0)" } ?? "The TPM ended by itself.")
    }

    func stop() {
        life.withLock { $0.isEnding = true }
        isolated.stop()
        ended.wait()
    }

    func suspend() throws(StoreError) {
        life.withLock { $0.isEnding = true }
        guard let failure: StoreError = Awaited.answer({ isolated.suspend($0) }) else { return ended.wait() }
        life.withLock { $0.isEnding = false }
        throw failure
    }

    func readPCRs() -> [Digest]? { Awaited.answer { isolated.readPCRs($0) } }

    /// The engine's number; nil while none runs.
    var processID: pid_t? { isolated.processID }

    var statistics: GuestStatistics {
        GuestStatistics(commands: isolated.commandCount, connections: isolated.clientCount)
    }
}
