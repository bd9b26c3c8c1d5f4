import Foundation
import Logging
import Synchronization
import VTPMManager

/// Serves the vTPM devices of the domains of a Xen host, as the toolstack makes them and takes them away.
public final class XenBackend: Sendable {
    private let bus: any XenBus
    private let domains: any XenDomains
    private let options: XenOptions
    private let logger: Logger
    private let state = Mutex(State())

    private struct State {
        var devices: [DevicePath: VTPMDevice] = [:]
        var watch: (any XenWatch)?
        var isStopped = false
    }

    public init(_ bus: any XenBus, _ domains: any XenDomains, _ options: XenOptions = XenOptions(), logger: Logger) {
        self.bus = bus
        self.domains = domains
        self.options = options
        self.logger = logger
    }

    /// Takes the devices that there are, and those that come.
    public func start() throws(XenBusError) {
        let watch = try bus.watch(DevicePath.directory) { [weak self] in self?.changed($0) }
        state.withLock { $0.watch = watch }
    }

    /// Leaves all devices as they are: the domains keep their ends, and the next backend goes on with them.
    public func stop() {
        let (devices, watch) = state.withLock { state in
            state.isStopped = true
            return (Array(state.devices.values), state.watch)
        }
        watch?.cancel()
        for device in devices { device.leave() }
    }

    /// How many devices there are.
    public var deviceCount: Int { state.withLock { $0.devices.count } }

    private func changed(_ entry: String) {
        if let place = DevicePath(containing: entry) {
            device(at: place)?.changed()
        } else {
            scan()
        }
    }

    /// Looks at every device that is in the xenstore, and at those that were.
    private func scan() {
        var places = Set(state.withLock { $0.devices.keys })
        do throws(XenBusError) {
            for name in try bus.children(of: DevicePath.directory) {
                guard let domain = UInt16(decimal: name) else { continue }
                for name in try bus.children(of: "\(DevicePath.directory)/\(domain)") {
                    guard let handle = UInt32(decimal: name) else { continue }
                    places.insert(DevicePath(domain: domain, handle: handle))
                }
            }
        } catch { logger.error("The devices cannot be listed. \(error)") }
        for place in places { device(at: place)?.changed() }
    }

    /// Nil when the backend was stopped.
    private func device(at place: DevicePath) -> VTPMDevice? {
        state.withLock { state in
            guard !state.isStopped else { return nil }
            if let device = state.devices[place] { return device }
            let device = VTPMDevice(place, bus, domains, options, logger: logger) { [weak self] in self?.gone($0) }
            state.devices[place] = device
            return device
        }
    }

    private func gone(_ device: VTPMDevice) {
        state.withLock { state in
            if state.devices[device.place] === device { state.devices[device.place] = nil }
        }
        // Another one may have come to its place before it was forgotten.
        if (try? bus.read("\(device.place.path)/frontend")) != nil { self.device(at: device.place)?.changed() }
    }
}

/// How a ``XenBackend`` serves.
public struct XenOptions: Sendable {
    /// True when a domain's PCR 4 and 5 start from what its toolstack boots it with.
    public var measures = false
    /// How long a device that cannot be served waits until it is looked at again.
    public var retryInterval = DispatchTimeInterval.seconds(1)

    public init() {}
}
