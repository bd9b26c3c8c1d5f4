import Foundation
import Logging
import TPMCrypto
import TPMServer

/// The guests that are domains of Xen: their TPMs have power while the domains live, and a backend says when.
extension Manager: XenDomains {
    public func attach(_ domain: XenDomain) throws(ManagerError) -> any XenGuest {
        let guest = try find(domain)
        try requireOpenGroup(of: guest)
        let settings = try settings(of: guest)
        guard settings.interface == .xen else {
            throw ManagerError(
                .conflict,
                "The guest \(guest.name) is no domain of Xen: its interface is \(settings.interface.rawValue).")
        }
        let service = try roster.change(guest.id, guest.name, isBeing: "started") { service throws(ManagerError) in
            if let service { return try Self.same(service, settings, domain, guest) }
            do throws(ManagerError) {
                let new = try start(guest, settings, for: domain)
                service = new
                return new
            } catch {
                problems.note(.guest(guest.id), "The guest \(guest.name) cannot be started. \(error)")
                throw error
            }
        }
        problems.solve(.guest(guest.id))
        return DomainTPM(self, guest, service)
    }

    /// The guest of a domain; one that is made for it if there is none and the configuration wants that.
    private func find(_ domain: XenDomain) throws(ManagerError) -> Guest {
        if let guest = try stored({ () throws(StoreFailure) in try store.guest(domain.guest) }) { return guest }
        let uuid = domain.guest.uuidString.lowercased()
        guard configuration.xen.unknown == .create else {
            throw ManagerError(
                .notFound,
                "No guest has the UUID \(uuid). Make it first: vtpm guest create --interface xen --uuid \(uuid) NAME.")
        }
        let request = GuestRequest(
            name: try freeName(domain), id: domain.guest, group: configuration.xen.group, interface: .xen)
        _ = try createGuest(request)
        return try find(guest: uuid)
    }

    /// The domain's name, with the beginning of the UUID when it is taken or unfit.
    private func freeName(_ domain: XenDomain) throws(ManagerError) -> String {
        let ending = domain.guest.uuidString.lowercased().prefix(8)
        let isFree = try stored { () throws(StoreFailure) in try store.guest(named: domain.name) == nil }
        let isFit = (try? StoreName.check(domain.name)) != nil && UUID(uuidString: domain.name) == nil
        guard isFit else { return "domain-\(ending)" }
        return isFree ? domain.name : "\(domain.name)-\(ending)"
    }

    /// What serves the domain already.
    private static func same(
        _ service: any GuestService, _ settings: GuestSettings, _ domain: XenDomain, _ guest: Guest
    ) throws(ManagerError) -> LocalGuest {
        guard settings.domain == .init(domain.id), let service = service as? LocalGuest else {
            throw ManagerError(
                .conflict,
                "The TPM of \(guest.name) serves the domain \(settings.domain.map { "\($0.id)" } ?? "of somebody else"), "
                    + "and a TPM serves one domain at a time.")
        }
        return service
    }

    private func start(
        _ guest: Guest, _ settings: GuestSettings, for domain: XenDomain
    ) throws(ManagerError) -> LocalGuest {
        let isKnown = settings.domain == .init(domain.id)
        guard !isKnown || guest.state == .running else {
            throw ManagerError(
                .conflict,
                "The TPM of \(guest.name) was ended while its domain runs on; it starts when the domain starts anew.")
        }
        let beginning = try beginning(of: guest, settings, for: domain, isKnown: isKnown)
        let service = try serveHere(guest, .xen, beginning.pcrs)
        do throws(ManagerError) {
            // In this order: a TPM that runs for nobody yet is started anew, one that was stopped is not.
            try stored { () throws(StoreFailure) in
                if guest.state != .running { try store.setState(of: guest.id, to: .running) }
            }
            var settings = settings
            settings.domain = .init(domain.id)
            try set(settings, of: guest)
        } catch {
            service.stop()
            throw error
        }
        note(guest, beginning.kind, "\(beginning.text) The domain is \(domain.id), \(domain.name).")
        return service
    }

    /// How a TPM starts.
    private struct Beginning {
        var pcrs: [Int: Digest] = [:]
        let kind: String
        let text: String
    }

    /// - Parameter isKnown: true when the TPM ran for this very domain, which does not boot now therefore.
    private func beginning(
        of guest: Guest, _ settings: GuestSettings, for domain: XenDomain, isKnown: Bool
    ) throws(ManagerError) -> Beginning {
        let boots =
            switch domain.history {
            case .none: !isKnown
            case .restored: false
            // One that may have been saved is not believed to boot, nor to go on.
            case .unknown: !isKnown && guest.state != .suspended
            }
        guard !boots else {
            try forgetVolatile(of: guest)
            var pcrs = try linkedValues(settings)
            for one in try domain.measure() {
                pcrs[one.pcr] = SHA1.hash(pcrs[one.pcr] ?? .zero, one.digest)
            }
            return Beginning(pcrs: pcrs, kind: "started", text: "The TPM was started.")
        }
        // It is there only while it is the present state: the first command that changes the TPM removes it.
        if isKnown || domain.history == .restored, try volatileStore(of: guest) != nil {
            return Beginning(kind: "resumed", text: "The TPM goes on from where it was.")
        }
        try forgetVolatile(of: guest)
        logger.warning(
            "The volatile state of \(guest.name) is lost while its domain runs on. Its PCRs are no boot's until it boots.",
            metadata: metadata(guest))
        return Beginning(
            pcrs: PCRBeginning.lost, kind: "interrupted",
            text: "What was volatile in the TPM is lost while its domain runs on: PCR 0 to 15 are those of no boot.")
    }

    /// Ends the TPM of a domain that is gone.
    fileprivate func detach(_ guest: Guest, _ service: LocalGuest, isSaved: Bool) {
        do throws(ManagerError) {
            try roster.change(guest.id, guest.name, isBeing: "stopped") { running throws(ManagerError) in
                guard running === service else { return }
                running = nil
                let state: GuestState = isSaved && putAway(guest, service) ? .suspended : .stopped
                if state == .stopped { service.stop() }
                try forgetDomain(of: guest, state)
            }
        } catch {
            logger.error("The TPM of \(guest.name) was not ended in good order. \(error)", metadata: metadata(guest))
        }
    }

    /// False when the store did not take the volatile state.
    private func putAway(_ guest: Guest, _ service: LocalGuest) -> Bool {
        do throws(StoreError) {
            try service.suspend()
            return true
        } catch {
            logger.error("The TPM of \(guest.name) cannot be put away. \(error)", metadata: metadata(guest))
            return false
        }
    }

    private func forgetDomain(of guest: Guest, _ state: GuestState) throws(ManagerError) {
        if state == .stopped { try forgetVolatile(of: guest) }
        var settings = try settings(of: guest)
        settings.domain = nil
        try set(settings, of: guest)
        try stored { () throws(StoreFailure) in try store.setState(of: guest.id, to: state) }
        problems.solve(.guest(guest.id))
        if state == .suspended {
            note(guest, "suspended", "The domain was saved, and the TPM with it.")
            checkpoint()
        } else {
            note(guest, "stopped", "The domain is gone, and the TPM has no power.")
        }
    }
}

/// From which values PCRs start.
enum PCRBeginning {
    /// For a machine that runs while its TPM starts: PCR 0 to 15 have been extended once with the digest of a sentence, so
    /// that nobody can measure the machine's boot into them again.
    static let lost: [Int: Digest] = {
        let value = SHA1.hash(.zero, SHA1.hash(Array("vtpm: volatile state was lost".utf8)))
        return Dictionary(uniqueKeysWithValues: (0...15).map { ($0, value) })
    }()
}

/// A TPM of the manager, for a backend.
private final class DomainTPM: XenGuest {
    private let manager: Manager
    private let guest: Guest
    private let service: LocalGuest

    init(_ manager: Manager, _ guest: Guest, _ service: LocalGuest) {
        self.manager = manager
        self.guest = guest
        self.service = service
    }

    var name: String { guest.name }

    func serve(_ ring: any CommandRing, whenGone: @escaping @Sendable (RingEnd) -> Void) {
        service.serve(ring, whenGone: whenGone)
    }

    func withdraw(_ ring: any CommandRing) { service.withdraw(ring) }

    func detach(isSaved: Bool) { manager.detach(guest, service, isSaved: isSaved) }
}
