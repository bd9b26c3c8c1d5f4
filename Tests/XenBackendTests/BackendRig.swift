import Dispatch
import Foundation
import Logging
import SimulatedXen
import TPMClient
import TPMCrypto
import TPMEngine
import Testing
import VTPMManager
import XenBackend

/// A Xen with a toolstack, and a backend that runs in domain 0.
final class BackendRig {
    let xen = SimulatedXen()
    let toolstack: SimulatedToolstack
    /// That of the backend's process; each backend has a new one.
    private(set) var bus: SimulatedBus
    /// Where the TPMs are.
    let domains: SimulatedManager
    private var backend: XenBackend?
    var options = XenOptions()

    /// - Parameter environment: the world of the TPMs.
    init(_ environment: Environment = Environment(), starts: Bool = true) throws {
        domains = try SimulatedManager(environment: environment)
        toolstack = SimulatedToolstack(xen)
        bus = xen.bus()
        options.retryInterval = .milliseconds(5)
        if starts { try start() }
    }

    deinit { stop() }

    func start() throws {
        let backend = XenBackend(
            bus, domains, options, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        self.backend = backend
        try backend.start()
    }

    /// The backend's process ends in good order.
    func stop() {
        guard let backend else { return }
        backend.stop()
        self.backend = nil
    }

    /// Another process takes its place.
    func restart() throws {
        stop()
        bus = xen.bus()
        try start()
    }

    var deviceCount: Int { backend?.deviceCount ?? 0 }

    // MARK: What a device is

    /// The value of an entry of the backend's end.
    func back(_ domain: SimulatedDomain, _ entry: String) throws -> String? {
        try xen.store.read("\(toolstack.backendPath(domain))/\(entry)")
    }

    /// Returns as soon as the backend's state is this.
    func wait(_ domain: SimulatedDomain, _ state: XenbusState?) throws {
        try xen.wait("\(toolstack.backendPath(domain))/state", state.map { "\($0.rawValue)" })
    }

    /// The states that the backend's end had since ``record(_:)``; nil where it was removed.
    func states(_ domain: SimulatedDomain) throws -> [String?] {
        try xen.store.history("\(toolstack.backendPath(domain))/state")
    }

    func record(_ domain: SimulatedDomain) throws { try xen.store.record("\(toolstack.backendPath(domain))/state") }

    /// The error that the backend wrote for Xen's tools.
    func error(_ domain: SimulatedDomain) throws -> String? {
        try xen.store.read("error/backend/vtpm/\(domain.id)/0/error")
    }

    /// Returns as soon as the backend has taken its error back.
    func waitForNoError(_ domain: SimulatedDomain) throws {
        try xen.wait("/local/domain/0/error/backend/vtpm/\(domain.id)/0/error", nil)
    }

    /// Returns when the backend has acted on all that the device was until now.
    ///
    /// It looks at a device again after each change. When it begins to look for the third time, the second, which began
    /// after this was called, is over.
    func settle(_ domain: SimulatedDomain) throws {
        let read = "backend/vtpm/\(domain.id)/0/state"
        let handle = "\(toolstack.backendPath(domain))/handle"
        for _ in 0..<3 {
            let before = bus.readCount(of: read)
            try xen.store.change([.write(handle, "0")], ifThere: handle)
            try xen.wait(for: "a look at domain \(domain.id)") { bus.readCount(of: read) > before }
        }
    }

    // MARK: Domains

    /// A domain whose driver has found its TPM.
    func connected(_ guest: SimulatedGuest = SimulatedGuest()) throws -> (SimulatedDomain, SimulatedFrontEnd) {
        let domain = try toolstack.create(guest)
        let frontEnd = SimulatedFrontEnd(domain)
        try frontEnd.probe()
        try wait(domain, .connected)
        return (domain, frontEnd)
    }

    /// No page, event channel or watch is left when the backend has ended, and none was used after it was given back.
    func expectNothingLeft(_ location: SourceLocation = #_sourceLocation) throws {
        stop()
        try xen.wait(for: "the end of \(bus.open)") { bus.open == .init() }
        try xen.wait(for: "the last of \(bus.kept) objects") { bus.kept == 0 }
        #expect(xen.mappedPages == 0, sourceLocation: location)
        #expect(xen.misuses.isEmpty, sourceLocation: location)
    }
}

extension SimulatedGuest {
    /// Guests with UUIDs and names of their own.
    static func numbered(_ number: Int) -> SimulatedGuest {
        let digits = String(number, radix: 16)
        let uuid = "00000000-0000-4000-8000-" + String(repeating: "0", count: 12 - digits.count) + digits
        return SimulatedGuest(uuid: uuid, name: "guest-\(number)")
    }
}
