import Dispatch
import Foundation
import Logging
import Synchronization
import TPMCrypto
import TPMEngine
import TPMServer

/// A guest's TPM in this process, on one of the threads of the roster.
final class LocalGuest: GuestService {
    private let server: Server
    private let loop: ServingLoop
    private let ended: DispatchGroup

    /// Serves the TPM at a Unix socket; that of a domain of Xen at the rings that it is given.
    ///
    /// - Parameters:
    ///   - whenEnded: called when it ended by itself.
    ///   - report: what becomes of the store; nil when it works again.
    init(
        _ store: GuestStateStore, _ environment: Environment, _ interface: GuestInterface, at socket: String,
        _ permissions: SocketPermissions, on loop: ServingLoop, logger: Logger,
        report: @escaping @Sendable (StoreError?) -> Void, whenEnded: @escaping @Sendable () -> Void
    ) throws(ManagerError) {
        var options = Server.Options()
        options.isPoweredAtStart = interface != .control
        // The next QEMU finds it where it was.
        options.survivesShutdown = true
        options.whenStoreChanges = report
        if interface == .xen { options.bufferSize = XenDomain.bufferSize }
        let ended = DispatchGroup()
        ended.enter()
        let server: Server
        do {
            server = try Server(
                store: store, environment: environment, logger: logger, options: options, on: loop
            ) {
                ended.leave()
                whenEnded()
            }
            // Nobody else has it yet.
            if interface != .control { try server.startUp(.clear) }
        } catch { throw ManagerError(.store, "\(error)") }
        self.server = server
        self.loop = loop
        self.ended = ended
        guard interface != .xen else { return }
        let refusal: ListenError? = Awaited.answer { answer in
            loop.perform {
                do throws(ListenError) {
                    try server.listen(
                        at: .unix(path: socket), for: interface == .raw ? .data : .control, permissions: permissions)
                    answer(nil)
                } catch { answer(error) }
            }
        }
        if let error = refusal {
            stop()
            throw ManagerError(.failed, error.description)
        }
    }

    func stop() {
        server.stop()
        ended.wait()
    }

    func suspend() throws(StoreError) {
        if let error: StoreError = Awaited.answer({ server.suspend($0) }) { throw error }
        ended.wait()
    }

    /// See ``XenGuest``.
    func serve(_ ring: any CommandRing, whenGone: @escaping @Sendable (RingEnd) -> Void) {
        loop.perform { [server] in server.serve(ring, whenGone: whenGone) }
    }

    func withdraw(_ ring: any CommandRing) {
        let _: Bool? = Awaited.answer { done in
            loop.perform { [server] in server.withdraw(ring) { done(true) } }
        }
    }

    func readPCRs() -> [Digest]? { Awaited.answer { server.read({ $0.clear.pcrs.values }, $0) } }

    var statistics: GuestStatistics {
        GuestStatistics(commands: server.commandCount, connections: server.clientCount)
    }
}
