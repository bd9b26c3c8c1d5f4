import Synchronization
import XenBackend

/// A machine with Xen as far as a backend sees it: a xenstore, and domains that grant pages and offer event channels.
public final class SimulatedXen: Sendable {
    private struct State {
        var ports: [UInt16: [UInt32: SimulatedPort]] = [:]
        var nextPort: UInt32 = 10
        var misuses: [String] = []
    }

    let changes = Changes()
    public let store: SimulatedStore
    let grants: GrantTable
    private let state = Mutex(State())

    public init() {
        store = SimulatedStore(changes)
        grants = GrantTable(changes)
    }

    /// What a process in the domain sees.
    public func bus(of domain: UInt16 = 0) -> SimulatedBus { SimulatedBus(self, domain: domain) }

    /// How many pages are mapped, by whatever process.
    public var mappedPages: Int { grants.mappedCount }

    /// What a backend did that would be an error in its own memory with a real Xen, in sentences.
    public var misuses: [String] { state.withLock { $0.misuses } }

    func noteMisuse(_ sentence: String) { state.withLock { $0.misuses.append(sentence) } }

    /// Returns as soon as `isThere` is true, which is asked again after each change.
    ///
    /// - Throws: a ``SimulationError`` that names `what` after a minute.
    public func wait(for what: @autoclosure () -> String, until isThere: () throws -> Bool) throws {
        guard try changes.wait(seconds: 60, until: isThere) else {
            throw SimulationError("It never came: \(what()).")
        }
    }

    /// Returns as soon as an entry of the store has the value; nil for none.
    public func wait(_ path: String, _ value: String?) throws {
        var seen: String?
        try wait(for: "\(path) = \(value ?? "none"), which is \(seen ?? "none")") {
            seen = try store.read(path)
            return seen == value
        }
    }

    // MARK: Event channels

    /// A new event channel of `domain` that `other` may bind.
    func offerPort(by domain: UInt16, to other: UInt16) -> SimulatedPort {
        state.withLock { state in
            let port = SimulatedPort(number: state.nextPort, of: domain, to: other)
            state.nextPort += 1
            state.ports[domain, default: [:]][port.number] = port
            return port
        }
    }

    func close(_ port: SimulatedPort) {
        port.close()
        state.withLock { $0.ports[port.domain]?[port.number] = nil }
    }

    func closeAllPorts(of domain: UInt16) {
        let ports = state.withLock { $0.ports.removeValue(forKey: domain) }
        for port in (ports ?? [:]).values { port.close() }
    }

    func port(_ number: UInt32, of domain: UInt16, for binder: UInt16) throws(XenBusError) -> SimulatedPort {
        let port = state.withLock { $0.ports[domain]?[number] }
        guard let port, port.remote == binder else {
            throw XenBusError("Domain \(domain) offers no event channel \(number).")
        }
        return port
    }
}
