import Dispatch
import Foundation
import Logging
import Synchronization
import TPMCrypto
import TPMEngine
import TPMServer
import VTPMManager

/// Gives domains TPMs that go with the process, as a manager gives them those of its store.
public final class SimulatedManager: XenDomains {
    private struct State {
        var tpms: [UUID: SimulatedTPM] = [:]
        var refusal: ManagerError?
        var attached: [XenDomain] = []
    }

    /// One for all, as many of these may be there at a time.
    private static let loop = Result { () throws(ListenError) in try ServingLoop() }
    private let loop: ServingLoop
    private let environment: Environment
    private let state = Mutex(State())

    public init(environment: Environment = Environment()) throws {
        self.environment = environment
        loop = try Self.loop.get()
    }

    deinit { for tpm in state.withLock({ $0.tpms.values }) { tpm.stop() } }

    /// What every domain is refused with from here on; nil to refuse none.
    public func setRefusal(_ refusal: ManagerError?) { state.withLock { $0.refusal = refusal } }

    /// The domains that asked for their TPM, in that order, also those that were refused.
    public var attached: [XenDomain] { state.withLock { $0.attached } }

    /// The TPM of a guest, while it has power or is put away.
    public func tpm(_ guest: String) -> SimulatedTPM? {
        UUID(uuidString: guest).flatMap { id in state.withLock { $0.tpms[id] } }
    }

    public func attach(_ domain: XenDomain) throws(ManagerError) -> any XenGuest {
        let found = state.withLock { state -> Result<SimulatedTPM?, ManagerError> in
            state.attached.append(domain)
            if let refusal = state.refusal { return .failure(refusal) }
            guard let tpm = state.tpms[domain.guest], !tpm.hasEnded else { return .success(nil) }
            guard tpm.take(domain.id) else {
                return .failure(ManagerError(.conflict, "The TPM serves another domain."))
            }
            return .success(tpm)
        }
        if let tpm = try found.get() {
            guard domain.history == .none, tpm.wasPutAway else { return tpm }
            tpm.end()
        }
        let tpm = try SimulatedTPM(domain, environment, on: loop)
        state.withLock { $0.tpms[domain.guest] = tpm }
        return tpm
    }
}

/// A started TPM of a domain.
public final class SimulatedTPM: XenGuest {
    private struct State {
        /// Nil while it is put away.
        var domain: UInt16?
        /// True when it was told that its domain is gone.
        var ends: [Bool] = []
    }

    public let name: String
    private let loop: ServingLoop
    private let server: Server
    private let ended: DispatchGroup
    private let isEnded: Flag
    private let state: Mutex<State>

    fileprivate init(_ domain: XenDomain, _ environment: Environment, on loop: ServingLoop) throws(ManagerError) {
        name = domain.name
        self.loop = loop
        state = Mutex(State(domain: domain.id))
        var options = Server.Options()
        options.bufferSize = XenDomain.bufferSize
        let (ended, isEnded) = (DispatchGroup(), Flag())
        ended.enter()
        do {
            server = try Server(
                store: nil, environment: environment, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
                options: options, on: loop
            ) {
                isEnded.set()
                ended.leave()
            }
            try server.startUp(.clear)
        } catch { throw ManagerError(.failed, "\(error)") }
        self.ended = ended
        self.isEnded = isEnded
    }

    private final class Flag: Sendable {
        private let value = Atomic(false)
        var isSet: Bool { value.load(ordering: .acquiring) }
        func set() { value.store(true, ordering: .releasing) }
    }

    public var hasEnded: Bool { isEnded.isSet }

    /// How many rings it serves.
    public var ringCount: Int { server.clientCount }

    public var commandCount: UInt64 { server.commandCount }

    /// What it was told when domains ended: whether they were saved.
    public var ends: [Bool] { state.withLock { $0.ends } }

    /// True when the last domain that it served was saved.
    fileprivate var wasPutAway: Bool { ends.last == true }

    /// False while it serves another domain.
    fileprivate func take(_ domain: UInt16) -> Bool {
        state.withLock { state in
            guard state.domain == nil || state.domain == domain else { return false }
            state.domain = domain
            return true
        }
    }

    public func serve(_ ring: any CommandRing, whenGone: @escaping @Sendable (RingEnd) -> Void) {
        loop.perform { [server] in server.serve(ring, whenGone: whenGone) }
    }

    public func withdraw(_ ring: any CommandRing) {
        let done = DispatchSemaphore(value: 0)
        loop.perform { [server] in
            server.withdraw(ring) { done.signal() }
        }
        done.wait()
    }

    public func detach(isSaved: Bool) {
        state.withLock { state in
            state.ends.append(isSaved)
            state.domain = nil
        }
        if !isSaved { end() }
    }

    /// Takes its power away, as an operator does who stops a guest.
    public func end() {
        stop()
        ended.wait()
    }

    /// The same, without waiting until it has none.
    fileprivate func stop() { server.stop() }
}
