import Dispatch
import Foundation
import Logging
import TPMServer
import VTPMManager

/// One end of a vTPM device: brings the TPM of a domain and the ring of its front end together, as the states of both ends in
/// the xenstore want it (xen/io/xenbus.h, xen/io/tpmif.h).
///
/// It keeps no account of what happened: on each change it looks at what is there and takes the step that is missing. So
/// a front end that leaves out states, repeats them or writes others does to itself what it likes, and a backend that was
/// started again finds its way.
final class VTPMDevice: @unchecked Sendable {
    let place: DevicePath
    private let bus: any XenBus
    private let domains: any XenDomains
    private let options: XenOptions
    private var logger: Logger
    private let whenGone: @Sendable (VTPMDevice) -> Void
    /// All but `pending` is touched here alone.
    private let queue: DispatchQueue
    private let pending = Pending()

    private var frontWatch: (any XenWatch)?
    private var guest: (any XenGuest)?
    private var connection: Connection?
    private var saving: SaveWatch?
    /// True when the TPM ended before the device did: there is none until the domain starts anew.
    private var isRefused = false
    /// Why there is no TPM, as it was told last.
    private var complaint: String?
    private var isRetrying = false
    private var isGone = false

    /// A ring, and of which front end.
    private struct Connection {
        let ring: DeviceRing
        let grant: UInt32
        let port: UInt32
        /// True when the front end has said that it is connected: when it publishes again, it is another one.
        var isAcknowledged = false
    }

    /// - Parameter whenGone: called when the device has left the xenstore.
    init(
        _ place: DevicePath, _ bus: any XenBus, _ domains: any XenDomains, _ options: XenOptions, logger: Logger,
        whenGone: @escaping @Sendable (VTPMDevice) -> Void
    ) {
        self.place = place
        self.bus = bus
        self.domains = domains
        self.options = options
        self.whenGone = whenGone
        self.logger = logger
        self.logger[metadataKey: "domain"] = "\(place.domain)"
        queue = DispatchQueue(label: "vtpm device \(place.path)")
    }

    // MARK: From any thread

    /// Something of the device changed. Changes that come while one is looked at are looked at together.
    func changed() {
        guard let wait = pending.begin() else { return }
        let work: @Sendable () -> Void = { [self] in
            pending.begun()
            look()
        }
        if wait == 0 {
            queue.async(execute: work)
        } else {
            queue.asyncAfter(deadline: .now() + .milliseconds(wait), execute: work)
        }
    }

    /// Gives the page and the channel back and leaves the states as they are, so that the next backend goes on.
    func leave() {
        queue.sync {
            isGone = true
            frontWatch?.cancel()
            saving?.cancel()
            disconnect()
        }
    }

    // MARK: Looking

    private func look() {
        guard !isGone else { return }
        do throws(XenBusError) {
            guard let ends = try DeviceEnds(of: place, on: bus) else { return end() }
            try step(ends)
        } catch {
            complain("\(error)")
            retry()
        }
    }

    private func step(_ ends: DeviceEnds) throws(XenBusError) {
        guard ends.isOnline else { return try takeAway(ends) }
        try watch(ends)
        // With the front end's directory the domain is about to go.
        guard ends.frontEnd != .unknown else { return disconnect() }
        guard !isRefused else {
            disconnect()
            return try set(.closed, from: ends)
        }
        guard attach() else { return }
        switch ends.frontEnd {
        case .initialising, .initWait:
            // At first, and when it starts anew, after a kexec say.
            disconnect()
            try set(.initWait, from: ends)
            settle()
        case .initialised, .connected: try connect(ends)
        case .closing:
            leftByItself()
            if ends.backend != .closed { try set(.closing, from: ends) }
        case .closed:
            leftByItself()
            try set(.closed, from: ends)
        case .unknown, .reconfiguring, .reconfigured: break
        }
    }

    private func set(_ state: XenbusState, from ends: DeviceEnds) throws(XenBusError) {
        guard ends.backend != state else { return }
        let entries = [
            XenEntry("\(place.path)/feature-protocol-v2", "1"), XenEntry("\(place.path)/state", state.text),
        ]
        try bus.write(entries, ifThere: "\(place.path)/state")
        logger.debug("The device is \(state).")
    }

    // MARK: The TPM

    /// True when the domain has a TPM.
    private func attach() -> Bool {
        guard guest == nil else { return true }
        do {
            let guest = try domains.attach(try DomainReader(place, bus, options).domain())
            self.guest = guest
            logger[metadataKey: "guest"] = "\(guest.name)"
            return true
        } catch {
            complain("\(error)")
            retry()
            return false
        }
    }

    /// Tells why the domain has no TPM, where Xen's tools look for it and in the log, once.
    private func complain(_ sentence: String) {
        guard complaint != sentence else { return }
        complaint = sentence
        logger.error("The domain \(place.domain) has no TPM. \(sentence)")
        do throws(XenBusError) { try bus.write(XenEntry("error/\(place.path)/error", "22 \(sentence)")) } catch {
            logger.warning("The error of \(place.path) is not in the xenstore: \(error)")
        }
    }

    /// Takes back what was told: nothing is wrong any more.
    private func settle() {
        guard complaint != nil else { return }
        do throws(XenBusError) {
            try bus.remove("error/\(place.path)")
            let above = "error/\(DevicePath.directory)/\(place.domain)"
            if try bus.children(of: above).isEmpty { try bus.remove(above) }
            complaint = nil
        } catch { logger.warning("The error of \(place.path) stays in the xenstore: \(error)") }
    }

    /// Looks again later, since what is missing may come: hardware, a guest, an approval.
    private func retry() {
        guard !isRetrying else { return }
        isRetrying = true
        queue.asyncAfter(deadline: .now() + options.retryInterval) { [weak self] in
            self?.isRetrying = false
            self?.changed()
        }
    }

    // MARK: The ring

    private func connect(_ ends: DeviceEnds) throws(XenBusError) {
        guard let guest else { return }
        guard let grant = try bus.read("\(ends.frontPath)/ring-ref").flatMap({ UInt32(decimal: $0) }),
            let port = try bus.read("\(ends.frontPath)/event-channel").flatMap({ UInt32(decimal: $0) }),
            try bus.read("\(ends.frontPath)/feature-protocol-v2") == "1"
        else {
            disconnect()
            return complain(
                "Its front end does not say where its ring is, or does not speak version 2 of the protocol.")
        }
        if let connection, connection.grant == grant, connection.port == port,
            ends.frontEnd == .connected || !connection.isAcknowledged
        {
            self.connection?.isAcknowledged = ends.frontEnd == .connected
            try set(.connected, from: ends)
            return settle()
        }
        disconnect()
        let page = try bus.map(grant, of: place.domain)
        let channel: any EventChannel
        do throws(XenBusError) { channel = try bus.bind(port, of: place.domain) } catch {
            page.unmap()
            throw error
        }
        let ring = DeviceRing(page, channel)
        // Before it is answered: after that Linux looks at the state.
        do throws(XenBusError) { try set(.connected, from: ends) } catch {
            ring.close()
            throw error
        }
        connection = Connection(
            ring: ring, grant: grant, port: port, isAcknowledged: ends.frontEnd == .connected)
        guest.serve(ring) { [self] end in queue.async { [self] in ringClosed(ring, end) } }
        settle()
        logger.info("The domain \(place.domain) is connected to its TPM.")
    }

    private func disconnect() {
        guard let connection else { return }
        self.connection = nil
        guest?.withdraw(connection.ring)
    }

    /// The front end takes its leave, as it does when its domain ends by itself, and not when that is saved.
    private func leftByItself() {
        disconnect()
        saving?.forget()
    }

    /// The ring was closed, but not from here.
    private func ringClosed(_ ring: DeviceRing, _ end: RingEnd) {
        guard connection?.ring === ring else { return }
        connection = nil
        switch end {
        case .ringFailed:
            complain("Its event channel failed.")
            retry()
        case .serverEnded:
            guest = nil
            isRefused = true
            logger.notice(
                "The TPM of the domain \(place.domain) was ended; there is none until the domain starts anew.")
            changed()
        }
    }

    // MARK: The end

    /// The toolstack takes the device away, mostly with the domain.
    private func takeAway(_ ends: DeviceEnds) throws(XenBusError) {
        detach()
        try set(.closed, from: ends)
    }

    private func end() {
        isGone = true
        frontWatch?.cancel()
        detach()
        settle()
        whenGone(self)
    }

    private func detach() {
        disconnect()
        let isSaved = saving?.isSaved ?? false
        saving?.cancel()
        saving = nil
        guest?.detach(isSaved: isSaved)
        guest = nil
    }

    // MARK: Watching

    private func watch(_ ends: DeviceEnds) throws(XenBusError) {
        guard frontWatch == nil else { return }
        frontWatch = try bus.watch("\(ends.frontPath)/state") { [weak self] _ in self?.changed() }
        saving = try SaveWatch(place.domain, bus)
    }
}
