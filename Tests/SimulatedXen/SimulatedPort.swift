import CLinux
import Glibc
import Synchronization
import XenBackend

/// One end of an event channel: that of a front end, which offers it.
public final class SimulatedPort: Sendable {
    private struct Ends {
        /// Written to when the other end is to be told; -1 while nobody is bound.
        var other: Int32 = -1
        var isClosed = false
        var notices = 0
        var heard: (@Sendable () -> Void)?
    }

    public let number: UInt32
    let domain: UInt16
    /// The domain that may bind it.
    let remote: UInt16
    private let ends = Mutex(Ends())

    init(number: UInt32, of domain: UInt16, to remote: UInt16) {
        self.number = number
        self.domain = domain
        self.remote = remote
    }

    /// What is called for each notice of the other end, on the thread that gives it.
    public func setHandler(_ heard: (@Sendable () -> Void)?) { ends.withLock { $0.heard = heard } }

    /// Gives notice to the other end, if somebody is bound.
    public func notify() { ends.withLock { if $0.other >= 0 { _ = eventfd_write($0.other, 1) } } }

    /// True while the other end is bound.
    public var isBound: Bool { ends.withLock { $0.other >= 0 } }

    /// How many notices came from the other end.
    public var notices: Int { ends.withLock { $0.notices } }

    /// Takes this end away: nobody can bind it, and who is bound hears nothing more.
    public func close() {
        ends.withLock { ends in
            ends.isClosed = true
            ends.other = -1
            ends.heard = nil
        }
    }

    /// Binds the other end, which is told at once, as Xen does it, since a notice may have been given before.
    func bind(_ descriptor: Int32) throws(XenBusError) {
        let isBound = ends.withLock { ends in
            guard !ends.isClosed, ends.other < 0 else { return false }
            ends.other = descriptor
            eventfd_write(descriptor, 1)
            return true
        }
        guard isBound else { throw XenBusError("Event channel \(number) of domain \(domain) is not to be had.") }
    }

    /// The other end goes, and may be bound again.
    func unbind(_ descriptor: Int32) { ends.withLock { if $0.other == descriptor { $0.other = -1 } } }

    /// A notice of the other end.
    func hear() {
        let heard = ends.withLock { ends in
            if !ends.isClosed { ends.notices += 1 }
            return ends.heard
        }
        heard?()
    }
}

/// The other end, as a backend has it.
final class SimulatedChannel: EventChannel, Sendable {
    private let port: SimulatedPort
    private let bus: SimulatedBus
    let descriptor: Int32
    private let state = Mutex((isOpen: true, isBroken: false))

    init(_ port: SimulatedPort, on bus: SimulatedBus) throws(XenBusError) {
        self.port = port
        self.bus = bus
        descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard descriptor >= 0 else { throw XenBusError("There are no more descriptors.") }
        do throws(XenBusError) { try port.bind(descriptor) } catch {
            Glibc.close(descriptor)
            throw error
        }
        bus.keep(1)
    }

    deinit { bus.keep(-1) }

    func acknowledge() -> Bool {
        let (isOpen, isBroken) = state.withLock { $0 }
        guard isOpen else {
            bus.xen.noteMisuse("An event channel is acknowledged after it was closed.")
            return false
        }
        var count: eventfd_t = 0
        eventfd_read(descriptor, &count)
        return !isBroken
    }

    func notify() {
        guard state.withLock({ $0.isOpen }) else {
            return bus.xen.noteMisuse("Notice is given over an event channel after it was closed.")
        }
        port.hear()
    }

    func close() {
        let wasOpen = state.withLock { state in
            defer { state.isOpen = false }
            return state.isOpen
        }
        guard wasOpen else { return bus.xen.noteMisuse("An event channel is closed twice.") }
        port.unbind(descriptor)
        Glibc.close(descriptor)
        bus.closed(self)
    }

    /// The channel fails, and says so.
    func fail() {
        state.withLock { state in
            state.isBroken = true
            if state.isOpen { eventfd_write(descriptor, 1) }
        }
    }
}
