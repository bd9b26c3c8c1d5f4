import Foundation
import Synchronization
import TPMClient
import XenBackend

/// Does in a domain what the Linux driver xen-tpmfront does, so that a client can use the TPM behind it. It follows the backend
/// while this object lives.
public final class SimulatedFrontEnd: Transport, @unchecked Sendable {
    private struct Driver {
        /// What it wrote last.
        var state = XenbusState.initialising
        var ring: FrontRing?
        var watch: (any XenWatch)?
    }

    /// TPM_GetCapability of the TPM's timeouts, which the driver asks for before it looks at the backend's state.
    public static let askTimeouts: [UInt8] =
        [0, 0xc1, 0, 0, 0, 22, 0, 0, 0, 0x65, 0, 0, 0, 5, 0, 0, 0, 4, 0, 0, 1, 0x15]

    public let domain: SimulatedDomain
    /// This end in the xenstore.
    public let path: String
    private let driver = Mutex(Driver())
    /// Held while a command is on its way.
    private let inUse = NSLock()
    /// How many seconds a command may take.
    public let patience: Double

    public init(_ domain: SimulatedDomain, patience: Double = 60) {
        self.domain = domain
        self.patience = patience
        path = "\(domain.home)/device/vtpm/0"
    }

    deinit { stopWatching() }

    private var xen: SimulatedXen { domain.xen }

    /// Nil while the driver has none.
    public var ring: FrontRing? { driver.withLock { $0.ring } }

    private func backend() throws -> String {
        guard let backend = try domain.read("\(path)/backend") else {
            throw SimulationError("\(path) has no backend.")
        }
        return backend
    }

    // MARK: The driver's life

    /// The driver finds its device: offers a ring, asks for the TPM's timeouts, and from then on follows the backend.
    public func probe() throws {
        try publish()
        _ = try transmit(Self.askTimeouts)
        try follow()
        try xen.wait("\(path)/state", "4")
    }

    /// Offers a ring, and the state Initialised.
    ///
    /// - Parameter changes: entries that are to be otherwise; nil for one that is to be missing.
    @discardableResult
    public func publish(changing changes: [String: String?] = [:]) throws -> FrontRing {
        let backendDomain = try domain.read("\(path)/backend-id").flatMap { UInt16($0) } ?? 0
        let ring = FrontRing(domain, to: backendDomain)
        driver.withLock { $0.ring = ring }
        var entries = [
            "ring-ref": "\(ring.reference)", "event-channel": "\(ring.port.number)", "feature-protocol-v2": "1",
        ]
        for (name, value) in changes { entries[name] = value }
        try xen.store.change(entries.map { .write("\(path)/\($0.key)", $0.value) })
        try set(.initialised)
        return ring
    }

    /// Writes the state, where there is one that is another.
    public func set(_ state: XenbusState) throws {
        let isNew = driver.withLock { driver in
            defer { driver.state = state }
            return driver.state != state
        }
        if isNew { try xen.store.change([.write("\(path)/state", "\(state.rawValue)")], ifThere: "\(path)/state") }
    }

    /// From here on acts on what the backend's state becomes, and what it is.
    public func follow() throws {
        let state = "\(try backend())/state"
        let watch = try domain.watch(state) { [weak self] _ in self?.backendChanged() }
        driver.withLock { $0.watch = watch }
    }

    private func backendChanged() {
        guard let backend = try? backend(), let state = try? domain.read("\(backend)/state") else { return }
        switch XenbusState(state) {
        case .initialised, .connected:
            guard driver.withLock({ $0.state != .connected }) else { return }
            guard (try? domain.read("\(backend)/feature-protocol-v2")) == "1" else {
                try? domain.write("error/device/vtpm/0/error", "vTPM protocol 2 required")
                try? set(.closing)
                return
            }
            try? set(.connected)
        case .closing, .closed: try? remove()
        default: return
        }
    }

    private func stopWatching() {
        let watch = driver.withLock { driver in
            defer { driver.watch = nil }
            return driver.watch
        }
        watch?.cancel()
        domain.finishCalls()
    }

    /// The driver leaves the device, or is taken from it (rmmod): the ring goes, and the state is Closed.
    public func remove() throws {
        stopWatching()
        freeRing()
        try set(.closed)
    }

    private func freeRing() {
        let ring = driver.withLock { driver in
            defer { driver.ring = nil }
            return driver.ring
        }
        ring?.free()
    }

    /// A new kernel runs in the domain without the old one having left its devices, and has the backend begin anew.
    public func kexec() throws {
        stopWatching()
        let state = "\(try backend())/state"
        for (own, other) in [(XenbusState.closing, "5"), (.closed, "6"), (.initialising, "2")] {
            try set(own)
            try xen.wait(state, other)
        }
        freeRing()
        try probe()
    }

    /// The domain heard that it is to suspend, and does.
    func suspend() throws {
        stopWatching()
        try domain.write("control/shutdown", "")
    }

    // MARK: Commands

    public func transmit(_ command: [UInt8]) throws -> [UInt8] { try transmit(command, locality: 0) }

    public func transmit(_ command: [UInt8], locality: UInt8) throws -> [UInt8] {
        inUse.lock()
        defer { inUse.unlock() }
        guard let ring else { throw SimulationError("The device is closed.") }
        guard ring.waitUntilIdle(seconds: patience) else { throw timeout(of: ring) }
        ring.submit(command, locality: locality)
        guard ring.waitUntilIdle(seconds: patience) else { throw timeout(of: ring) }
        guard let answer = ring.receive() else { throw SimulationError("The command was cancelled.") }
        return answer
    }

    private func timeout(of ring: FrontRing) -> SimulationError {
        guard self.ring === ring else { return SimulationError("The device was closed during a command.") }
        ring.cancel()
        return SimulationError("The TPM does not answer.")
    }

    /// Asks for the end of the command that runs.
    public func cancel() { ring?.cancel() }
}
