import SimulatedXen
import TestSupport
import Testing
import VTPMManager
import XenBackend

/// What stands in a device's entries, where it is not what it should be.
@Suite struct DeviceEntryTests {
    private let rig: BackendRig

    init() throws { rig = try BackendRig() }

    // MARK: What the toolstack wrote

    /// Entries without which nobody knows whose the TPM is.
    static let unusable: [(entry: String, value: String?)] = [
        ("uuid", nil), ("uuid", ""), ("uuid", "web"), ("uuid", "11111111-2222-3333-4444-55555555555"),
        ("uuid", "../../../../etc/passwd"), ("frontend-id", nil), ("frontend-id", ""), ("frontend-id", "2"),
        ("frontend-id", "65537"), ("frontend-id", "-1"), ("frontend-id", "1 "), ("frontend-id", "one"),
        ("frontend-id", "99999999999999999999"),
    ]

    @Test(arguments: unusable) func isRefusedAndServedWhenItIsPutRight(_ entry: String, _ value: String?) throws {
        let domain = try rig.toolstack.makeDomain(id: 1)
        try rig.toolstack.attach(domain, changing: [entry: value])
        try rig.xen.wait(for: "an error") { try rig.error(domain) != nil }
        #expect(try rig.error(domain)?.contains(entry) == true)
        #expect(try rig.back(domain, "state") == "1")
        #expect(rig.domains.attached.isEmpty)
        let right = entry == "uuid" ? domain.guest.uuid : "1"
        try rig.xen.store.change([.write("\(rig.toolstack.backendPath(domain))/\(entry)", right)])
        try rig.wait(domain, .initWait)
        try rig.waitForNoError(domain)
        try SimulatedFrontEnd(domain).probe()
    }

    @Test(arguments: ["web", "65536", "-1", "1x", "01x", "99999999999999999999", "@", "1-0"])
    func aDirectoryThatIsNoDomainIsPassedOver(_ name: String) throws {
        let path = "/local/domain/0/backend/vtpm/\(name)/0"
        try rig.xen.store.change([
            .write("\(path)/frontend", "/local/domain/1/device/vtpm/0"), .write("\(path)/state", "1"),
        ])
        let handle = "/local/domain/0/backend/vtpm/7/\(name)"
        try rig.xen.store.change([.write("\(handle)/frontend", "/local/domain/7/device/vtpm/0")])
        // Others are served.
        let (_, frontEnd) = try rig.connected()
        #expect(result(try frontEnd.transmit(pcrRead)) == .success)
        #expect(try rig.xen.store.read("\(path)/state") == "1")
        #expect(rig.domains.attached.map(\.id) == [1])
    }

    @Test(arguments: ["", "no path", "//", "/local/domain/9/device/vtpm/0", "/local/domain/1/../9"])
    func aFrontEndThatIsNowhereIsWaitedFor(_ path: String) throws {
        let domain = try rig.toolstack.makeDomain()
        try rig.toolstack.attach(domain, changing: ["frontend": path])
        let (_, other) = try rig.connected(.numbered(2))
        #expect(result(try other.transmit(pcrRead)) == .success)
        #expect(try rig.back(domain, "state") == "1")
        try rig.toolstack.detach(domain)
        try rig.expectNothingLeft()
    }

    @Test func aDirectoryThatIsMadeInSeveralStepsIsTakenWhenItIsWhole() throws {
        let domain = try rig.toolstack.makeDomain()
        let back = rig.toolstack.backendPath(domain)
        try rig.xen.store.change([.write("\(domain.home)/device/vtpm/0/state", "1")])
        for (entry, value) in [
            ("handle", "0"), ("uuid", domain.guest.uuid), ("state", "1"), ("online", "1"),
            ("frontend", "\(domain.home)/device/vtpm/0"), ("frontend-id", "\(domain.id)"),
        ] {
            rig.bus.drain()
            try rig.xen.store.change([.write("\(back)/\(entry)", value)])
        }
        try rig.wait(domain, .initWait)
        try rig.waitForNoError(domain)
    }

    @Test func theDomainsNameAndNumberReachTheManager() throws {
        let domain = try rig.toolstack.create(SimulatedGuest(name: "a b/c"), id: 65_000)
        let asked = try #require(rig.domains.attached.first)
        #expect(asked.id == 65_000 && asked.name == "a b/c")
        #expect(try rig.back(domain, "state") == "2")
    }

    // MARK: What the front end wrote

    /// What a front end may say of its ring that is none.
    static let unusableRings: [(entry: String, value: String?)] = [
        ("ring-ref", nil), ("ring-ref", ""), ("ring-ref", "0"), ("ring-ref", "4294967295"), ("ring-ref", "4294967296"),
        ("ring-ref", "-1"), ("ring-ref", "eight"), ("ring-ref", "99999999999999999999"), ("ring-ref", "8 "),
        ("event-channel", nil), ("event-channel", ""), ("event-channel", "0"), ("event-channel", "4294967295"),
        ("event-channel", "4294967296"), ("event-channel", "-1"), ("event-channel", "ten"),
        ("feature-protocol-v2", nil), ("feature-protocol-v2", "0"), ("feature-protocol-v2", "2"),
        ("feature-protocol-v2", ""), ("feature-protocol-v2", "yes"),
    ]

    @Test(arguments: unusableRings) func isNotConnectedAndServedWhenItIsPutRight(_ entry: String, _ value: String?)
        throws
    {
        let domain = try rig.toolstack.create()
        let frontEnd = SimulatedFrontEnd(domain)
        let ring = try frontEnd.publish(changing: [entry: value])
        try rig.settle(domain)
        #expect(try rig.back(domain, "state") == "2")
        // It is tried again and again.
        try rig.xen.wait(for: "no page") { rig.bus.open.pages == 0 && rig.bus.open.channels == 0 && !ring.port.isBound }
        #expect(try rig.error(domain) != nil)
        // The same driver says it again, as it should have been.
        try frontEnd.set(.initialising)
        try frontEnd.publish()
        try rig.wait(domain, .connected)
        #expect(result(try frontEnd.transmit(pcrRead)) == .success)
        try rig.waitForNoError(domain)
        try rig.toolstack.destroy(domain)
        try rig.expectNothingLeft()
    }

    @Test func anotherDomainsRingIsNotMapped() throws {
        let (victim, _) = try rig.connected(.numbered(1))
        let domain = try rig.toolstack.create(.numbered(2))
        let hidden = victim.grantPage(to: 0).reference
        let port = victim.offerPort(to: 0)
        try SimulatedFrontEnd(domain).publish(changing: ["ring-ref": "\(hidden)", "event-channel": "\(port.number)"])
        try rig.settle(domain)
        #expect(try rig.back(domain, "state") == "2")
        try rig.xen.wait(for: "one page") { rig.bus.open.pages == 1 && !port.isBound }
    }

    @Test func aRingThatIsGrantedToAnotherDomainIsNotMapped() throws {
        let domain = try rig.toolstack.create()
        let (reference, _) = domain.grantPage(to: 5)
        try SimulatedFrontEnd(domain).publish(changing: ["ring-ref": "\(reference)"])
        try rig.settle(domain)
        #expect(try rig.back(domain, "state") == "2")
        #expect(rig.bus.open.pages == 0 && rig.bus.open.channels == 0)
    }

    // MARK: Refused by the manager

    @Test func aRefusedDomainIsToldWhyAndTriedAgain() throws {
        rig.domains.setRefusal(ManagerError(.notFound, "No guest has that UUID."))
        let domain = try rig.toolstack.makeDomain()
        try rig.toolstack.attach(domain)
        try rig.xen.wait(for: "three attempts") { rig.domains.attached.count >= 3 }
        #expect(try rig.error(domain)?.contains("No guest has that UUID.") == true)
        #expect(try rig.back(domain, "state") == "1")
        rig.domains.setRefusal(ManagerError(.hardware, "The group is closed."))
        try rig.xen.wait(for: "the other reason") { try rig.error(domain)?.contains("The group is closed.") == true }
        rig.domains.setRefusal(nil)
        try rig.wait(domain, .initWait)
        try rig.waitForNoError(domain)
        try SimulatedFrontEnd(domain).probe()
    }

    @Test func aRefusedDomainCanBeTakenAway() throws {
        rig.domains.setRefusal(ManagerError(.notFound, "No guest has that UUID."))
        let domain = try rig.toolstack.makeDomain()
        try rig.toolstack.attach(domain)
        try rig.xen.wait(for: "an error") { try rig.error(domain) != nil }
        try rig.toolstack.detach(domain, isForced: true)
        try rig.xen.wait(for: "no device") { rig.deviceCount == 0 }
        try rig.waitForNoError(domain)
        try rig.expectNothingLeft()
    }

    @Test func aSecondDomainWithTheUUIDIsRefusedWhileTheFirstLives() throws {
        let (first, frontEnd) = try rig.connected()
        let second = try rig.toolstack.makeDomain(first.guest)
        try rig.toolstack.attach(second)
        try rig.xen.wait(for: "an error") { try rig.error(second) != nil }
        #expect(result(try frontEnd.transmit(pcrRead)) == .success)
        try rig.toolstack.destroy(first)
        try rig.wait(second, .initWait)
        try SimulatedFrontEnd(second).probe()
    }
}
