import SimulatedXen
import TPMClient
import TPMWire
import TestSupport
import Testing
import VTPMManager
import XenBackend

/// The states of both ends of a device, in order and out of it.
@Suite struct DeviceStateTests {
    private let rig: BackendRig

    init() throws { rig = try BackendRig() }

    private func write(_ domain: SimulatedDomain, front state: String) throws {
        try domain.write("device/vtpm/0/state", state)
    }

    // MARK: In order

    @Test func aDriverFindsItsTPM() throws {
        let domain = try rig.toolstack.makeDomain()
        try rig.xen.store.record("\(rig.toolstack.backendPath(domain))/state")
        try rig.toolstack.attach(domain)
        try rig.wait(domain, .initWait)
        #expect(try rig.back(domain, "feature-protocol-v2") == "1")
        let frontEnd = SimulatedFrontEnd(domain)
        try frontEnd.probe()
        #expect(result(try frontEnd.transmit(pcrRead)) == .success)
        #expect(try rig.states(domain) == [nil, "1", "2", "4"])
        #expect(rig.bus.open.pages == 1 && rig.bus.open.channels == 1)
        try rig.toolstack.destroy(domain)
        try rig.expectNothingLeft()
        let asked = try #require(rig.domains.attached.first)
        #expect(asked.guest.uuidString == domain.guest.uuid && asked.id == domain.id && asked.name == "web")
        #expect(rig.domains.tpm(domain.guest.uuid)?.ends == [false])
    }

    @Test func devicesThatAreThereAlreadyAreTaken() throws {
        rig.stop()
        let made = try (1...3).map { number in
            let domain = try rig.toolstack.makeDomain(.numbered(number))
            try rig.toolstack.attach(domain)
            return domain
        }
        try rig.restart()
        for domain in made { try rig.wait(domain, .initWait) }
        #expect(rig.deviceCount == 3)
    }

    @Test func aDeviceThatGoesIsForgotten() throws {
        let (domain, _) = try rig.connected()
        try rig.toolstack.destroy(domain)
        try rig.xen.wait(for: "no device") { rig.deviceCount == 0 }
        // Another one at its place is a new one.
        let next = try rig.toolstack.create(id: domain.id)
        try SimulatedFrontEnd(next).probe()
        #expect(rig.domains.attached.count == 2)
    }

    @Test func aDriverThatClosesIsLetGo() throws {
        let (domain, frontEnd) = try rig.connected()
        try rig.record(domain)
        try frontEnd.set(.closing)
        // The driver leaves when the backend closes, too.
        try rig.wait(domain, .closed)
        #expect(rig.bus.open.pages == 0 && rig.bus.open.channels == 0)
        #expect(try rig.states(domain) == ["4", "5", "6"])
        // Its TPM keeps its power: the domain lives.
        #expect(rig.domains.tpm(domain.guest.uuid)?.ends == [])
    }

    // MARK: Out of order

    @Test func aDriverThatSaysConnectedAtOnceIsConnected() throws {
        let domain = try rig.toolstack.create()
        let frontEnd = SimulatedFrontEnd(domain)
        try rig.record(domain)
        try write(domain, front: "4")
        try rig.settle(domain)
        #expect(try rig.states(domain) == ["2"])
        try frontEnd.publish()
        try rig.wait(domain, .connected)
        #expect(result(try frontEnd.transmit(pcrRead)) == .success)
    }

    @Test func statesThatAreRepeatedChangeNothing() throws {
        let (domain, frontEnd) = try rig.connected()
        try rig.record(domain)
        let served = rig.domains.tpm(domain.guest.uuid)
        for _ in 0..<20 { try write(domain, front: "4") }
        try rig.settle(domain)
        #expect(try rig.states(domain) == ["4"])
        #expect(result(try frontEnd.transmit(pcrRead)) == .success)
        #expect(served?.ringCount == 1 && rig.bus.open.pages == 1)
    }

    /// What is no state, or none that means anything here, and leaves the device as it is.
    static let meaningless = [
        "", "x", "-1", "9", "99", "7", "8", "4294967300", "99999999999999999999", "4 ", " 4", "4\n", "0x4", "+4", "٤",
        String(repeating: "4", count: 2000),
    ]

    @Test(arguments: meaningless) func textsThatAreNoStateDoNoHarm(_ text: String) throws {
        let domain = try rig.toolstack.create()
        try rig.record(domain)
        try write(domain, front: text)
        try rig.settle(domain)
        #expect(try rig.states(domain).allSatisfy { $0 == "2" })
        let frontEnd = SimulatedFrontEnd(domain)
        try frontEnd.probe()
        #expect(result(try frontEnd.transmit(pcrRead)) == .success)
        // And once more while it is connected; then the driver begins anew.
        try write(domain, front: text)
        try rig.settle(domain)
        #expect(try rig.xen.misuses.isEmpty && ["2", "4"].contains(rig.back(domain, "state")))
        try frontEnd.kexec()
        #expect(result(try frontEnd.transmit(pcrRead)) == .success)
    }

    @Test func bytesThatAreNoTextDoNoHarm() throws {
        let domain = try rig.toolstack.create()
        try rig.xen.store.change([.write("\(domain.home)/device/vtpm/0/state", bytes: [0xff, 0, 0x34])])
        try rig.settle(domain)
        try SimulatedFrontEnd(domain).probe()
    }

    /// The backend stays in good order whatever a front end says in whatever order, and serves it in the end.
    @Test func statesInAnyOrder() throws {
        let domain = try rig.toolstack.create()
        var random = Steps(seed: 6)
        for _ in 0..<200 {
            let state = random.next(9)
            if state == 3, random.next(2) == 0 {
                try SimulatedFrontEnd(domain).publish()
            } else {
                try write(domain, front: "\(state)")
            }
            if random.next(3) == 0 { try rig.settle(domain) }
            #expect(rig.bus.open.pages <= 1 && rig.bus.open.channels <= 1)
        }
        try write(domain, front: "1")
        try rig.wait(domain, .initWait)
        try rig.xen.wait(for: "no page") { rig.bus.open.pages == 0 }
        let frontEnd = SimulatedFrontEnd(domain)
        try frontEnd.probe()
        #expect(result(try frontEnd.transmit(pcrRead)) == .success)
        #expect(rig.domains.attached.count == 1)
        try rig.toolstack.destroy(domain)
        try rig.expectNothingLeft()
    }

    // MARK: A driver that comes back

    @Test func aNewKernelInTheDomainGoesOnWithTheSameTPM() throws {
        let (domain, frontEnd) = try rig.connected()
        _ = try frontEnd.transmit(extend(1))
        let register = try frontEnd.transmit(pcrRead)
        try rig.record(domain)
        for _ in 0..<3 { try frontEnd.kexec() }
        #expect(try frontEnd.transmit(pcrRead) == register)
        #expect(try rig.states(domain) == ["4"] + Array(repeating: ["5", "6", "2", "4"], count: 3).flatMap { $0 })
        #expect(rig.bus.open.pages == 1 && rig.domains.attached.count == 1)
    }

    @Test func aDriverThatWasUnloadedComesBack() throws {
        let (domain, frontEnd) = try rig.connected()
        try frontEnd.remove()
        try rig.wait(domain, .closed)
        #expect(rig.bus.open.pages == 0)
        // It publishes at once, and asks its first question before it looks at the backend's state.
        try frontEnd.probe()
        try rig.wait(domain, .connected)
        #expect(result(try frontEnd.transmit(pcrRead)) == .success)
        #expect(rig.bus.open.pages == 1)
    }

    @Test func aDriverThatPublishesAnotherRingGetsThatServed() throws {
        let (domain, frontEnd) = try rig.connected()
        let old = try #require(frontEnd.ring)
        // As after the domain was suspended and went on: another ring, and then the state again.
        try frontEnd.publish()
        try rig.xen.wait(for: "the new ring") { frontEnd.ring?.port.isBound == true }
        #expect(result(try frontEnd.transmit(pcrRead)) == .success)
        try rig.xen.wait(for: "one page") { rig.bus.open.pages == 1 }
        #expect(!old.port.isBound)
        try rig.toolstack.destroy(domain)
        try rig.expectNothingLeft()
    }

    // MARK: The operator

    @Test func aTPMThatIsEndedClosesTheDevice() throws {
        let (domain, frontEnd) = try rig.connected()
        rig.domains.tpm(domain.guest.uuid)?.end()
        try rig.xen.wait("\(frontEnd.path)/state", "6")
        try rig.wait(domain, .closed)
        #expect(throws: SimulationError.self) { try frontEnd.transmit(pcrRead) }
        // And no new one is made for a domain that runs on.
        try rig.settle(domain)
        #expect(rig.domains.attached.count == 1)
        try rig.toolstack.destroy(domain)
        try rig.expectNothingLeft()
    }
}
