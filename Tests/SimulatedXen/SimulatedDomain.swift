import Dispatch
import Foundation
import Synchronization
import XenBackend

/// A guest's domain: it has a home in the xenstore, grants pages, offers event channels, and dies.
public final class SimulatedDomain: Sendable {
    public let xen: SimulatedXen
    public let id: UInt16
    public let guest: SimulatedGuest
    private let queue: DispatchQueue
    private let isOnQueue = DispatchSpecificKey<Bool>()

    init(_ xen: SimulatedXen, id: UInt16, _ guest: SimulatedGuest) {
        self.xen = xen
        self.id = id
        self.guest = guest
        queue = DispatchQueue(label: "domain \(id)")
        queue.setSpecific(key: isOnQueue, value: true)
    }

    public var home: String { "/local/domain/\(id)" }

    /// An entry, by its path below the domain's home or from the root.
    public func read(_ path: String) throws -> String? { try xen.store.read(path, of: id) }

    public func write(_ path: String, _ value: String) throws { try xen.store.change([.write(path, value)], of: id) }

    /// A new page that `other` may map.
    public func grantPage(to other: UInt16) -> (reference: UInt32, page: SimulatedPage) {
        xen.grants.grant(by: id, to: other)
    }

    public func endGrant(_ reference: UInt32) { xen.grants.end(reference, by: id) }

    /// A new event channel that `other` may bind.
    public func offerPort(to other: UInt16) -> SimulatedPort { xen.offerPort(by: id, to: other) }

    public func close(_ port: SimulatedPort) { xen.close(port) }

    /// Calls `changed` on the domain's own thread: once at first, and then after each change.
    func watch(_ path: String, _ changed: @escaping @Sendable (String) -> Void) throws -> any XenWatch {
        try xen.store.watch(path, of: id, on: queue, changed)
    }

    /// Returns when what watches called is over, but for the call that this is called in.
    func finishCalls() {
        if DispatchQueue.getSpecific(key: isOnQueue) == nil { queue.sync {} }
    }

    /// The domain's memory and event channels go; pages that others mapped stay theirs until they unmap them.
    public func die() {
        xen.grants.endAll(by: id)
        xen.closeAllPorts(of: id)
        xen.store.fire("@releaseDomain")
    }
}

/// What a toolstack makes a domain of.
public struct SimulatedGuest: Sendable {
    /// That of the vTPM, as it stands in the guest's configuration file.
    public var uuid: String
    public var name: String
    public var kernel: String?
    public var ramdisk: String?
    public var commandLine: String?
    /// Where the toolstack keeps what the domain is made of.
    public var machine: String

    /// - Parameter kernel: nil for a domain that does not boot, as of one that was saved.
    public init(
        uuid: String = "11111111-2222-3333-4444-555555555555", name: String = "web", kernel: String? = "/boot/vmlinuz",
        ramdisk: String? = "/boot/initrd", commandLine: String? = "quiet"
    ) {
        self.uuid = uuid
        self.name = name
        self.kernel = kernel
        self.ramdisk = ramdisk
        self.commandLine = commandLine
        machine = "/vm/\(UUID().uuidString.lowercased())"
    }
}
