import Synchronization
import XenBackend

/// Does to the xenstore what libxl does when domains with a vTPM are made, saved and destroyed.
public final class SimulatedToolstack: Sendable {
    public let xen: SimulatedXen
    /// The domain whose backend serves the devices.
    public let backend: UInt16
    private let nextID = Mutex<UInt16>(1)

    public init(_ xen: SimulatedXen, backend: UInt16 = 0) {
        self.xen = xen
        self.backend = backend
    }

    /// The backend's end of a domain's device.
    public func backendPath(_ domain: SimulatedDomain) -> String { backendPath(domain.id) }

    public func backendPath(_ domain: UInt16) -> String { "/local/domain/\(backend)/backend/vtpm/\(domain)/0" }

    // MARK: Making

    /// A domain with its device, once the backend waits for the front end.
    public func create(_ guest: SimulatedGuest = SimulatedGuest(), id: UInt16? = nil) throws -> SimulatedDomain {
        let domain = try makeDomain(guest, id: id)
        try attach(domain)
        try xen.wait("\(backendPath(domain))/state", "2")
        return domain
    }

    /// The domain of a guest that was saved, with another number; nothing says what it once booted.
    public func restore(_ guest: SimulatedGuest = SimulatedGuest(), id: UInt16? = nil) throws -> SimulatedDomain {
        var saved = guest
        (saved.kernel, saved.ramdisk, saved.commandLine) = (nil, nil, nil)
        return try create(saved, id: id)
    }

    /// A domain without a device.
    public func makeDomain(_ guest: SimulatedGuest = SimulatedGuest(), id: UInt16? = nil) throws -> SimulatedDomain {
        let id =
            id
            ?? nextID.withLock { next in
                defer { next += 1 }
                return next
            }
        let domain = SimulatedDomain(xen, id: id, guest)
        let image = [("kernel", guest.kernel), ("ramdisk", guest.ramdisk), ("cmdline", guest.commandLine)]
        try xen.store.change(
            [
                .write("\(domain.home)/vm", guest.machine), .write("\(domain.home)/name", guest.name),
                .write("\(domain.home)/domid", "\(id)"), .write("\(domain.home)/control/shutdown", ""),
                .write("\(domain.home)/device", ""), .write("\(guest.machine)/name", guest.name),
                .write("\(guest.machine)/image/ostype", "linux"),
            ] + image.compactMap { name, value in value.map { .write("\(guest.machine)/image/\(name)", $0) } })
        xen.store.fire("@introduceDomain")
        return domain
    }

    /// Makes both ends of the domain's device at once.
    ///
    /// - Parameter changes: entries of the backend's end that are to be otherwise; nil for one that is to be missing.
    public func attach(_ domain: SimulatedDomain, changing changes: [String: String?] = [:]) throws {
        try xen.store.change(try steps(attaching: domain, changing: changes))
    }

    private func steps(
        attaching domain: SimulatedDomain, changing changes: [String: String?]
    ) throws -> [StoreStep] {
        let front = "\(domain.home)/device/vtpm/0"
        let back = backendPath(domain)
        var entries: [String: String] = [
            "frontend": front, "frontend-id": "\(domain.id)", "online": "1", "state": "1", "handle": "0",
            "uuid": domain.guest.uuid, "resume": "False",
        ]
        for (name, value) in changes { entries[name] = value }
        return [
            .write(front, ""), .write("\(front)/backend", back), .write("\(front)/backend-id", "\(backend)"),
            .write("\(front)/state", "1"), .write("\(front)/handle", "0"), .write(back, ""),
        ] + entries.sorted { $0.key < $1.key }.map { .write("\(back)/\($0.key)", $0.value) }
    }

    // MARK: Taking away

    /// Asks the backend to let the device go.
    ///
    /// - Parameter isForced: the front end's end is removed first, as of a domain that is destroyed.
    public func takeOffline(_ domain: SimulatedDomain, isForced: Bool = false) throws {
        let back = backendPath(domain)
        let forced: [StoreStep] = isForced ? [.remove("\(domain.home)/device/vtpm/0")] : []
        try xen.store.change(forced + [.write("\(back)/state", "5"), .write("\(back)/online", "0")], ifThere: back)
    }

    /// Removes what is left of a device.
    public func forget(_ domain: SimulatedDomain) throws {
        try xen.store.change([
            .remove("/local/domain/\(backend)/backend/vtpm/\(domain.id)"), .remove("\(domain.home)/device/vtpm"),
        ])
    }

    /// Takes the device from a domain, once the backend let it go.
    public func detach(_ domain: SimulatedDomain, isForced: Bool = false) throws {
        try takeOffline(domain, isForced: isForced)
        try xen.wait("\(backendPath(domain))/state", "6")
        try forget(domain)
    }

    /// Ends a domain and takes its device away.
    public func destroy(_ domain: SimulatedDomain) throws {
        try detach(domain, isForced: true)
        domain.die()
        try xen.store.change([.remove(domain.home), .remove(domain.guest.machine)])
    }

    // MARK: Saving

    /// Has a domain suspend itself, and ends it.
    ///
    /// - Parameter whenAsked: called before the domain does it, which takes some 40 ms with a real one.
    public func save(
        _ domain: SimulatedDomain, _ frontEnd: SimulatedFrontEnd, whenAsked: () -> Void
    ) throws {
        try domain.write("control/shutdown", "suspend")
        whenAsked()
        try frontEnd.suspend()
        try xen.wait("\(domain.home)/control/shutdown", "")
        xen.store.fire("@releaseDomain")
        try destroy(domain)
    }
}
