import Foundation
import HardwareAnchor
import Logging
import TPMCrypto
import TPMEngine
import TPMServer

extension Manager {
    // MARK: Looking

    public func guests() throws(ManagerError) -> [GuestReport] {
        let names = Dictionary(uniqueKeysWithValues: store.groups().map { ($0.id, $0.name) })
        var reports: [GuestReport] = []
        for guest in try stored({ () throws(StoreFailure) in try store.guests() }) {
            reports.append(report(guest, group: names[guest.group] ?? guest.group.uuidString))
        }
        return reports
    }

    public func guest(_ guest: String) throws(ManagerError) -> GuestReport {
        let guest = try find(guest: guest)
        return report(guest, group: store.group(guest.group)?.name ?? guest.group.uuidString)
    }

    public func events(of guest: String) throws(ManagerError) -> [EventReport] {
        let guest = try find(guest: guest)
        return try stored { () throws(StoreFailure) in try store.events(of: guest.id) }
            .map { EventReport(time: $0.time, kind: $0.kind, text: $0.text) }
    }

    private func report(_ guest: Guest, group: String) -> GuestReport {
        // Its settings are under the key of its group.
        let settings = try? settings(of: guest)
        let state = state(of: guest)
        return GuestReport(
            id: guest.id, name: guest.name, group: group, state: state, interface: settings?.interface,
            isolation: settings?.isolation, linkedPCRs: settings?.linkedPCRs,
            socket: state == .running && settings?.interface != .xen ? roster.socket(of: guest.id) : nil,
            domain: state == .running ? settings?.domain?.id : nil, created: guest.created,
            problem: problem(of: guest))
    }

    func state(of guest: Guest) -> GuestReport.State {
        if roster.service(of: guest.id) != nil { return .running }
        return switch guest.state {
        case .stopped: .stopped
        case .running: .failed
        case .suspended: .suspended
        }
    }

    private func problem(of guest: Guest) -> String? {
        if let problem = problems[.guest(guest.id)] { return problem }
        return guest.state == .running && roster.service(of: guest.id) == nil ? problems[.group(guest.group)] : nil
    }

    /// - Parameter text: a name or a UUID; a name goes first.
    func find(guest text: String) throws(ManagerError) -> Guest {
        let found = try stored { () throws(StoreFailure) -> Guest? in
            if let guest = try store.guest(named: text) { return guest }
            guard let id = UUID(uuidString: text) else { return nil }
            return try store.guest(id)
        }
        guard let found else { throw ManagerError(StoreFailure.noGuest(text)) }
        return found
    }

    func settings(of guest: Guest) throws(ManagerError) -> GuestSettings {
        let bytes = try stored { () throws(StoreFailure) in try store.settings(of: guest.id) }
        guard let bytes else { throw ManagerError(.store, "The guest \(guest.name) has no settings in the store.") }
        return try GuestSettings(bytes)
    }

    func set(_ settings: GuestSettings, of guest: Guest) throws(ManagerError) {
        let bytes = try settings.encoded()
        try stored { () throws(StoreFailure) in try store.setSettings(of: guest.id, to: bytes) }
    }

    // MARK: Making and removing

    public func createGuest(_ request: GuestRequest) throws(ManagerError) -> GuestReport {
        let group = try find(group: request.group ?? Self.defaultGroup)
        guard store.isOpen(group: group.id) else {
            throw ManagerError(.notApproved, problems[.group(group.id)] ?? "The group \(group.name) is closed.")
        }
        var settings = GuestSettings()
        settings.interface = request.interface ?? settings.interface
        settings.isolation = request.isolation ?? settings.isolation
        settings.linkedPCRs = Set(request.linkedPCRs ?? []).sorted()
        if settings.interface == .xen, settings.isolation == .process {
            throw ManagerError(
                .invalid, "The TPM of a domain of Xen runs in the manager's process: leave the isolation out.")
        }
        if !settings.linkedPCRs.isEmpty { try Self.check(pcrs: settings.linkedPCRs) }
        // Before the long work, and again with it.
        try stored { () throws(StoreFailure) in
            try StoreName.check(request.name)
            if try store.guest(named: request.name) != nil { throw .nameTaken(request.name) }
        }
        if UUID(uuidString: request.name) != nil {
            throw ManagerError(.invalid, "A UUID cannot be a guest's name: it would be taken for that of another.")
        }
        let state = try NewTPM.make(Environment(keyPairs: pool))
        let encoded = try settings.encoded()
        let guest = try stored { () throws(StoreFailure) in
            try store.createGuest(
                id: request.id ?? UUID(), name: request.name, group: group.id, settings: encoded, state: state)
        }
        note(guest, "created", "The guest was made in the group \(group.name), with a new TPM.")
        return request.starts ?? true && settings.interface != .xen
            ? try startGuest(guest.id.uuidString) : try self.guest(guest.id.uuidString)
    }

    public func destroyGuest(_ text: String) throws(ManagerError) {
        let guest = try find(guest: text)
        try roster.change(guest.id, guest.name, isBeing: "destroyed") { service throws(ManagerError) in
            guard service == nil else {
                throw ManagerError(.conflict, "The guest \(guest.name) is running. Stop it first.")
            }
            try stored { () throws(StoreFailure) in try store.deleteGuest(guest.id) }
        }
        problems.forget(.guest(guest.id))
        logger.notice("The guest \(guest.name) was destroyed, with its TPM.", metadata: metadata(guest))
    }

    // MARK: Starting and stopping

    public func startGuest(_ text: String) throws(ManagerError) -> GuestReport {
        let guest = try find(guest: text)
        guard guest.state != .suspended else {
            throw ManagerError(.conflict, "The guest \(guest.name) is suspended. Resume it, or stop it to start anew.")
        }
        try start(guest, resuming: false)
        note(guest, "started", "The TPM is offered at \(roster.socket(of: guest.id)).")
        return try self.guest(guest.id.uuidString)
    }

    public func resumeGuest(_ text: String) throws(ManagerError) -> GuestReport {
        let guest = try find(guest: text)
        guard guest.state == .suspended else {
            throw ManagerError(.conflict, "The guest \(guest.name) is not suspended.")
        }
        try start(guest, resuming: true)
        note(guest, "resumed", "The TPM goes on from where it was suspended.")
        return try self.guest(guest.id.uuidString)
    }

    public func stopGuest(_ text: String) throws(ManagerError) -> GuestReport {
        let guest = try find(guest: text)
        try roster.change(guest.id, guest.name, isBeing: "stopped") { service throws(ManagerError) in
            let wasServed = service != nil
            service?.stop()
            service = nil
            guard wasServed || guest.state != .stopped else {
                throw ManagerError(.conflict, "The guest \(guest.name) is stopped already.")
            }
            try forgetVolatile(of: guest)
            try stored { () throws(StoreFailure) in try store.setState(of: guest.id, to: .stopped) }
        }
        problems.solve(.guest(guest.id))
        note(guest, "stopped", "The TPM has no power; what is volatile is gone.")
        return try self.guest(guest.id.uuidString)
    }

    public func suspendGuest(_ text: String) throws(ManagerError) -> GuestReport {
        let guest = try find(guest: text)
        try roster.change(guest.id, guest.name, isBeing: "suspended") { service throws(ManagerError) in
            guard let running = service else {
                throw ManagerError(.conflict, "The guest \(guest.name) is not running.")
            }
            do throws(StoreError) { try running.suspend() } catch { throw ManagerError(error) }
            service = nil
            try stored { () throws(StoreFailure) in try store.setState(of: guest.id, to: .suspended) }
        }
        problems.solve(.guest(guest.id))
        note(guest, "suspended", "The TPM is on disk, with what is volatile.")
        checkpoint()
        return try self.guest(guest.id.uuidString)
    }

    func requireOpenGroup(of guest: Guest) throws(ManagerError) {
        guard store.isOpen(group: guest.group) else {
            throw ManagerError(.notApproved, problems[.group(guest.group)] ?? "The group of \(guest.name) is closed.")
        }
    }

    private func start(_ guest: Guest, resuming: Bool) throws(ManagerError) {
        // What a closed group keeps of its guests cannot be read.
        try requireOpenGroup(of: guest)
        guard try settings(of: guest).interface != .xen else {
            throw ManagerError(.conflict, "The TPM of \(guest.name) starts with its domain: start that, with xl.")
        }
        try roster.change(guest.id, guest.name, isBeing: "started") { service throws(ManagerError) in
            guard service == nil else { throw ManagerError(.conflict, "The guest \(guest.name) is running already.") }
            do throws(ManagerError) {
                service = try serve(guest, resuming: resuming)
            } catch {
                problems.note(.guest(guest.id), "The guest \(guest.name) cannot be started. \(error)")
                throw error
            }
            try stored { () throws(StoreFailure) in
                if guest.state != .running { try store.setState(of: guest.id, to: .running) }
            }
        }
        problems.solve(.guest(guest.id))
    }

    private func serve(_ guest: Guest, resuming: Bool) throws(ManagerError) -> any GuestService {
        let settings = try settings(of: guest)
        if !resuming { try forgetVolatile(of: guest) }
        let initialPCRs = try linkedValues(settings)
        switch settings.isolation {
        case .none: return try serveHere(guest, settings.interface, initialPCRs)
        case .process:
            let (states, logger, report) = surroundings(of: guest)
            let back = Later<ChildGuest>()
            let service = try ChildGuest(
                states, keys: pool, initialPCRs: initialPCRs, settings.interface, at: roster.socket(of: guest.id),
                roster.options, on: roster.nextLoop(), logger: logger, report: report,
                whenEnded: { [weak self] reason in
                    guard let self, let service = back.value else { return }
                    self.ended(guest, service, reason)
                })
            back.value = service
            return service
        }
    }

    /// Serves the TPM in this process.
    func serveHere(
        _ guest: Guest, _ interface: GuestInterface, _ initialPCRs: [Int: Digest]
    ) throws(ManagerError) -> LocalGuest {
        let (states, logger, report) = surroundings(of: guest)
        let back = Later<LocalGuest>()
        let service = try LocalGuest(
            states, Environment(keyPairs: pool, initialPCRs: initialPCRs), interface, at: roster.socket(of: guest.id),
            roster.options.permissions, on: roster.nextLoop(), logger: logger, report: report,
            whenEnded: { [weak self] in
                guard let self, let service = back.value else { return }
                self.ended(guest, service, "The TPM ended by itself.")
            })
        back.value = service
        return service
    }

    /// Where a guest's service keeps the state, logs, and tells what becomes of the store.
    private func surroundings(of guest: Guest) -> (GuestStateStore, Logger, @Sendable (StoreError?) -> Void) {
        var logger = logger
        logger[metadataKey: "guest"] = "\(guest.name)"
        return (GuestStateStore(store, guest: guest.id), logger, { [weak self] in self?.storeChanged(guest, $0) })
    }

    /// The values from which the guest's linked PCRs start: the host's, or the SHA-1 of a host's value that is longer.
    func linkedValues(_ settings: GuestSettings) throws(ManagerError) -> [Int: Digest] {
        guard !settings.linkedPCRs.isEmpty else { return [:] }
        return try readHostPCRs(settings.linkedPCRs).values.mapValues { Digest($0) ?? SHA1.hash($0) }
    }

    func forgetVolatile(of guest: Guest) throws(ManagerError) {
        guard let states = try volatileStore(of: guest) else { return }
        do throws(StoreError) { try states.saveVolatile(nil) } catch { throw ManagerError(error) }
    }

    /// Where the volatile state of a guest is that nobody serves; nil when there is none.
    func volatileStore(of guest: Guest) throws(ManagerError) -> GuestStateStore? {
        let states = GuestStateStore(store, guest: guest.id)
        do throws(StoreError) {
            try states.lock(waiting: 0, continues: false)
            return try states.loadVolatile() == nil ? nil : states
        } catch { throw ManagerError(error) }
    }

    /// Hears of a service that ended without being told to.
    private func ended(_ guest: Guest, _ service: any GuestService, _ reason: String) {
        guard roster.forget(guest.id, service) else { return }
        problems.note(.guest(guest.id), "The guest \(guest.name) ended: \(reason)")
    }

    private func storeChanged(_ guest: Guest, _ error: StoreError?) {
        if let error {
            counts.storeFailed()
            problems.note(.guest(guest.id), "The TPM of the guest \(guest.name) cannot be written. \(error)")
        } else {
            problems.solve(.guest(guest.id))
        }
    }

    // MARK: With the manager

    /// The guests of a group that are to run.
    private func wanted(_ group: Group) -> [Guest] {
        ((try? store.guests()) ?? []).filter { $0.group == group.id && $0.state == .running }
    }

    /// Tells the guests of a group why they are not started.
    func hold(_ group: Group, _ reason: String) {
        SideBySide.run(wanted(group)) { [self] in note($0, "held", reason) }
    }

    /// Starts the guests of a group that ran when the manager ended.
    func startGuests(of group: Group) {
        let guests = wanted(group)
        SideBySide.run(guests) { [self] guest in
            // Those of domains are started when the domains are seen.
            guard roster.service(of: guest.id) == nil, (try? settings(of: guest))?.interface != .xen else { return }
            do throws(ManagerError) { try startAgain(guest) } catch {
                logger.error("The guest \(guest.name) was not started. \(error)", metadata: metadata(guest))
            }
        }
        if !guests.isEmpty {
            logger.notice("Guests of the group \(group.name) that were to be started: \(guests.count).")
        }
    }

    private func startAgain(_ guest: Guest) throws(ManagerError) {
        var settings = try settings(of: guest)
        let isPaused = settings.pausedBoot != nil
        // After another start of the host nothing goes on that ran before it.
        try start(guest, resuming: isPaused && settings.pausedBoot == HostBoot.id)
        guard isPaused else { return }
        settings.pausedBoot = nil
        try set(settings, of: guest)
    }

    /// Puts away all guests that run, for when the manager is started again.
    func pauseGuests() {
        let running = roster.running
        SideBySide.run(running) { [self] in pause($0) }
        if !running.isEmpty { logger.notice("Guests that were put away: \(running.count).") }
    }

    private func pause(_ id: UUID) {
        guard let guest = try? store.guest(id) else { return }
        do throws(ManagerError) {
            try roster.change(id, guest.name, isBeing: "stopped") { service throws(ManagerError) in
                guard let running = service else { return }
                if running.readPCRs() == nil {
                    running.stop()
                } else {
                    do throws(StoreError) { try running.suspend() } catch {
                        running.stop()
                        service = nil
                        throw ManagerError(error)
                    }
                    var settings = try settings(of: guest)
                    guard settings.interface != .xen else {
                        service = nil
                        return
                    }
                    settings.pausedBoot = HostBoot.id
                    try set(settings, of: guest)
                }
                service = nil
            }
        } catch {
            logger.error("The guest \(guest.name) was stopped, not put away. \(error)", metadata: metadata(guest))
        }
    }

    // MARK: Telling

    /// Adds to a guest's events and to the log. An event that cannot be kept changes nothing else.
    func note(_ guest: Guest, _ kind: String, _ text: String) {
        logger.info("\(guest.name): \(text)", metadata: metadata(guest))
        do throws(StoreFailure) { try store.append(Event(kind: kind, text: text), to: guest.id) } catch {
            logger.warning("An event of the guest \(guest.name) was not kept. \(error)")
        }
    }

    func metadata(_ guest: Guest) -> Logger.Metadata { ["guest": "\(guest.name)", "uuid": "\(guest.id)"] }
}

/// The same for many guests, whose waiting for the disk is shared.
enum SideBySide {
    /// Returns when `body` was run for all, some at a time.
    static func run<Item: Sendable>(_ items: [Item], _ body: @escaping @Sendable (Item) -> Void) {
        let work = DispatchQueue(label: "vtpm side by side", attributes: .concurrent)
        let places = DispatchSemaphore(value: 32)
        for item in items {
            places.wait()
            work.async {
                body(item)
                places.signal()
            }
        }
        work.sync(flags: .barrier) {}
    }
}

/// Which start of the host's kernel this is.
enum HostBoot {
    /// The same until the next start of the kernel; nil where the system does not tell.
    static let id = (try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8))
        .map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }
}
