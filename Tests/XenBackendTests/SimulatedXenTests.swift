import Foundation
import Glibc
import SimulatedXen
import Synchronization
import Testing
import XenBackend

/// What a simulated Xen does, as far as the tests of the backend stand on it.
@Suite struct SimulatedXenTests {
    private let xen = SimulatedXen()
    private let bus: SimulatedBus

    init() { bus = xen.bus() }

    /// The paths that a watch told.
    private final class Told: Sendable {
        private let paths = Mutex<[String]>([])
        var all: [String] { paths.withLock { $0 } }
        func append(_ path: String) { paths.withLock { $0.append(path) } }
    }

    // MARK: The xenstore

    @Test func pathsWithoutASlashAreBelowTheHomeOfTheDomain() throws {
        try bus.write(XenEntry("a/b", "1"))
        #expect(try xen.bus().read("/local/domain/0/a/b") == "1")
        #expect(try bus.read("a") == "")
        #expect(try bus.read("a/c") == nil)
        #expect(try xen.bus(of: 3).read("a/b") == nil)
        #expect(try bus.children(of: "/local/domain/0") == ["a"])
    }

    @Test(arguments: ["", "//", "a//b", "a/", "/a b", "/ü", "/" + String(repeating: "a", count: 3072)])
    func whatIsNoPathIsRefused(_ path: String) {
        #expect(throws: XenBusError.self) { try bus.read(path) }
        #expect(throws: XenBusError.self) { try bus.write(XenEntry(path, "1")) }
    }

    @Test func whatIsNoTextIsReadAsEmpty() throws {
        try xen.store.change([.write("/a", bytes: [0xff, 0xfe])])
        #expect(try bus.read("/a") == "")
    }

    @Test func entriesAreWrittenOnlyWhereTheConditionIsThere() throws {
        #expect(try !bus.write([XenEntry("/a/b", "1"), XenEntry("/a/c", "2")], ifThere: "/a"))
        #expect(try bus.children(of: "/").isEmpty)
        try bus.write(XenEntry("/a", ""))
        #expect(try bus.write([XenEntry("/a/b", "1"), XenEntry("/a/c", "2")], ifThere: "/a"))
        #expect(try bus.children(of: "/a") == ["b", "c"])
        #expect(throws: XenBusError.self) { try bus.write([XenEntry("/a/d", "1"), XenEntry("?", "")], ifThere: "/a") }
        #expect(try bus.read("/a/d") == nil)
    }

    @Test func aWatchTellsOnceAtFirstAndThenOfWhatIsThereOrBelow() throws {
        let told = Told()
        let watch = try bus.watch("a/b") { told.append($0) }
        for path in ["a", "a/b", "a/b/c", "a/bc", "/local/domain/0/a/b/d"] { try bus.write(XenEntry(path, "1")) }
        try bus.remove("a/b/c")
        try bus.remove("a/b/none")
        // All below goes with it, and those who watch that very entry are told.
        try bus.remove("a")
        bus.drain()
        #expect(told.all == ["a/b", "a/b", "a/b/c", "a/b/d", "a/b/c", "a/b"])
        watch.cancel()
        try bus.write(XenEntry("a/b", "2"))
        bus.drain()
        #expect(told.all.count == 6)
        #expect(bus.open == SimulatedBus.Open())
    }

    @Test func anEndedDomainIsTold() throws {
        let told = Told()
        let watch = try bus.watch("@releaseDomain") { told.append($0) }
        try SimulatedToolstack(xen).makeDomain().die()
        bus.drain()
        #expect(told.all == ["@releaseDomain", "@releaseDomain"])
        watch.cancel()
    }

    // MARK: Pages

    @Test func aPageIsTheSameForBothAndStaysUntilItIsUnmapped() throws {
        let domain = try SimulatedToolstack(xen).makeDomain()
        let (reference, page) = domain.grantPage(to: 0)
        #expect(throws: XenBusError.self) { try bus.map(reference, of: 2) }
        #expect(throws: XenBusError.self) { try bus.map(reference + 1, of: domain.id) }
        #expect(throws: XenBusError.self) { try xen.bus(of: 5).map(reference, of: domain.id) }
        let mapped = try bus.map(reference, of: domain.id)
        page.memory.storeBytes(of: 7, toByteOffset: 4095, as: UInt8.self)
        #expect(mapped.memory.load(fromByteOffset: 4095, as: UInt8.self) == 7)
        domain.die()
        #expect(mapped.memory.load(fromByteOffset: 4095, as: UInt8.self) == 7)
        #expect(throws: XenBusError.self) { try bus.map(reference, of: domain.id) }
        #expect(xen.mappedPages == 1 && bus.open == .init(pages: 1))
        mapped.unmap()
        #expect(xen.mappedPages == 0 && bus.open == .init())
        #expect(xen.misuses.isEmpty)
        mapped.unmap()
        #expect(xen.misuses.count == 1)
    }

    // MARK: Event channels

    private func isReadable(_ descriptor: Int32) -> Bool {
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return Glibc.poll(&poll, 1, 0) == 1
    }

    @Test func noticesGoBothWays() throws {
        let domain = try SimulatedToolstack(xen).makeDomain()
        let port = domain.offerPort(to: 0)
        #expect(throws: XenBusError.self) { try xen.bus(of: 5).bind(port.number, of: domain.id) }
        let channel = try bus.bind(port.number, of: domain.id)
        #expect(throws: XenBusError.self) { try bus.bind(port.number, of: domain.id) }
        // A notice may have been given before it was bound.
        #expect(isReadable(channel.descriptor))
        #expect(channel.acknowledge())
        #expect(!isReadable(channel.descriptor))
        port.notify()
        port.notify()
        #expect(isReadable(channel.descriptor))
        #expect(channel.acknowledge())
        #expect(!isReadable(channel.descriptor))
        channel.notify()
        #expect(port.notices == 1)
        bus.breakChannels()
        #expect(isReadable(channel.descriptor))
        #expect(!channel.acknowledge())
        channel.close()
        #expect(!port.isBound && bus.open == .init())
        // The front end's end is there for the next backend.
        let second = try bus.bind(port.number, of: domain.id)
        domain.close(port)
        second.notify()
        #expect(port.notices == 1)
        #expect(throws: XenBusError.self) { try bus.bind(port.number, of: domain.id) }
        second.close()
        #expect(xen.misuses.isEmpty)
        second.notify()
        #expect(xen.misuses.count == 1)
    }

    // MARK: Faults

    @Test func callsFailAsATestWants() throws {
        bus.setFault { $0 == .read("a") }
        #expect(throws: XenBusError.self) { try bus.read("a") }
        #expect(try bus.read("b") == nil)
        bus.setFault(nil)
        #expect(try bus.read("a") == nil)
        #expect(bus.readCount(of: "a") == 2)
    }

    // MARK: The toolstack and the driver

    @Test func bothEndsOfADeviceAreAsLibxlMakesThem() throws {
        let toolstack = SimulatedToolstack(xen)
        let guest = SimulatedGuest(kernel: "/boot/vmlinuz")
        let domain = try toolstack.makeDomain(guest)
        try toolstack.attach(domain)
        let names = ["frontend", "frontend-id", "handle", "online", "resume", "state", "uuid"]
        #expect(try bus.children(of: "backend/vtpm/1/0") == names)
        #expect(try bus.read("backend/vtpm/1/0/frontend") == "/local/domain/1/device/vtpm/0")
        #expect(try domain.read("device/vtpm/0/backend") == "/local/domain/0/backend/vtpm/1/0")
        #expect(try bus.read("\(domain.read("vm") ?? "")/image/kernel") == "/boot/vmlinuz")
        try toolstack.takeOffline(domain)
        #expect(try bus.read("backend/vtpm/1/0/online") == "0")
        #expect(try bus.read("backend/vtpm/1/0/state") == "5")
        try toolstack.forget(domain)
        #expect(try bus.children(of: "backend/vtpm").isEmpty)
        try toolstack.takeOffline(domain)
        #expect(try bus.children(of: "backend/vtpm").isEmpty)
    }

    @Test func theDriverFollowsABackend() throws {
        let toolstack = SimulatedToolstack(xen)
        let domain = try toolstack.makeDomain()
        try toolstack.attach(domain)
        let back = toolstack.backendPath(domain)
        let frontEnd = SimulatedFrontEnd(domain)
        let ring = try frontEnd.publish()
        #expect(try domain.read("device/vtpm/0/ring-ref") == "\(ring.reference)")
        #expect(try domain.read("device/vtpm/0/state") == "3")
        let mapped = try bus.map(ring.reference, of: domain.id)
        let channel = try bus.bind(ring.port.number, of: domain.id)
        try bus.write([XenEntry("\(back)/feature-protocol-v2", "1"), XenEntry("\(back)/state", "4")], ifThere: back)
        try frontEnd.follow()
        try xen.wait("\(frontEnd.path)/state", "4")

        ring.submit([1, 2, 3], locality: 2)
        #expect(ring.state == 1)
        #expect(mapped.memory.load(as: UInt32.self) == 3)
        #expect(mapped.memory.load(fromByteOffset: 5, as: UInt8.self) == 2)
        mapped.memory.storeBytes(of: 2, as: UInt32.self)
        mapped.memory.storeBytes(of: 2, toByteOffset: 4, as: UInt8.self)
        channel.notify()
        #expect(ring.waitUntilIdle(seconds: 20))
        #expect(ring.receive() == [1, 2])

        try bus.write(XenEntry("\(back)/state", "5"))
        try xen.wait("\(frontEnd.path)/state", "6")
        #expect(frontEnd.ring == nil)
        #expect(throws: SimulationError.self) { try frontEnd.transmit([]) }
        channel.close()
        mapped.unmap()
        #expect(xen.misuses.isEmpty)
    }

    @Test func theDriverRefusesABackendThatDoesNotSpeakVersion2() throws {
        let toolstack = SimulatedToolstack(xen)
        let domain = try toolstack.makeDomain()
        try toolstack.attach(domain)
        let frontEnd = SimulatedFrontEnd(domain)
        try frontEnd.publish()
        try frontEnd.follow()
        try bus.write(XenEntry("\(toolstack.backendPath(domain))/state", "4"))
        try xen.wait("\(frontEnd.path)/state", "5")
        #expect(try domain.read("error/device/vtpm/0/error") != nil)
    }

    @Test func aRecordedEntryTellsWhatItWas() throws {
        try bus.write(XenEntry("/a/b", "1"))
        try xen.store.record("/a/b")
        try bus.write(XenEntry("/a/b", "2"))
        try bus.remove("/a")
        #expect(try xen.store.history("/a/b") == ["1", "2", nil])
    }
}
