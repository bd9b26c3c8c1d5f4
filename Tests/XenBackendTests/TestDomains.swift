import Dispatch
import Foundation
import Logging
import SimulatedXen
import Synchronization
import TPMCrypto
import TPMEngine
import TPMServer
import VTPMManager

/// Gives domains TPMs that go with the process, as a manager gives them those of its store.
final class TestDomains: XenDomains {
    private struct State {
        var tpms: [UUID: TestTPM] = [:]
        var refusal: ManagerError?
        var attached: [XenDomain] = []
    }

    private let loop: ServingLoop
    private let environment: Environment
    private let state = Mutex(State())

    init(environment: Environment = Environment()) throws {
        self.environment = environment
        loop = try ServingLoop()
    }

    deinit {
        for tpm in state.withLock({ $0.tpms.values }) { tpm.end() }
        loop.stop()
    }

    /// What every domain is refused with from here on; nil to refuse none.
    func setRefusal(_ refusal: ManagerError?) { state.withLock { $0.refusal = refusal } }

    /// The domains that asked for their TPM, in that order, also those that were refused.
    var attached: [XenDomain] { state.withLock { $0.attached } }

    /// The TPM of a guest, while it has power or is put away.
    func tpm(_ guest: String) -> TestTPM? { UUID(uuidString: guest).flatMap { id in state.withLock { $0.tpms[id] } } }

    func attach(_ domain: XenDomain) throws(ManagerError) -> any XenGuest {
        let found = state.withLock { state -> Result<TestTPM?, ManagerError> in
            state.attached.append(domain)
            if let refusal = state.refusal { return .failure(refusal) }
            guard let tpm = state.tpms[domain.guest], !tpm.hasEnded else { return .success(nil) }
            guard tpm.take(domain.id) else {
                return .failure(ManagerError(.conflict, "The TPM serves another domain."))
            }
            return .success(tpm)
        }
        if let tpm = try found.get() { return tpm }
        let tpm = try TestTPM(domain, environment, on: loop)
        state.withLock { $0.tpms[domain.guest] = tpm }
        return tpm
    }
}

/// A started TPM of a domain.
final class TestTPM: XenGuest {
    private struct State {
        /// Nil while it is put away.
        var domain: UInt16?
        var rings: [ObjectIdentifier] = []
        /// True when it was told that its domain is gone.
        var ends: [Bool] = []
    }

    let name: String
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

    var hasEnded: Bool { isEnded.isSet }

    /// How many rings it serves.
    var ringCount: Int { server.clientCount }

    var commandCount: UInt64 { server.commandCount }

    /// What it was told when domains ended: whether they were saved.
    var ends: [Bool] { state.withLock { $0.ends } }

    /// False while it serves another domain.
    fileprivate func take(_ domain: UInt16) -> Bool {
        state.withLock { state in
            guard state.domain == nil || state.domain == domain else { return false }
            state.domain = domain
            return true
        }
    }

    func serve(_ ring: any CommandRing, whenGone: @escaping @Sendable (RingEnd) -> Void) {
        loop.perform { [server] in server.serve(ring, whenGone: whenGone) }
    }

    func withdraw(_ ring: any CommandRing) {
        let done = DispatchSemaphore(value: 0)
        loop.perform { [server] in
            server.withdraw(ring) { done.signal() }
        }
        done.wait()
    }

    func detach(isSaved: Bool) {
        state.withLock { state in
            state.ends.append(isSaved)
            state.domain = nil
        }
        if !isSaved { end() }
    }

    /// Takes its power away, as an operator does who stops a guest.
    func end() {
        server.stop()
        ended.wait()
    }
}
