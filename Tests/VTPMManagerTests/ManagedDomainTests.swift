import Foundation
import Glibc
import Logging
import Synchronization
import TPMClient
import TPMCrypto
import TPMEngine
import TPMServer
import TPMWire
import Testing

@testable import VTPMManager

/// The TPMs of domains of Xen: when they start, go on, and end.
@Suite struct ManagedDomainTests {
    private static let uuid = UUID(uuidString: "11111111-2222-3333-4444-555555555555") ?? UUID()
    private static let measured = SHA1.hash([1])

    private static func domain(
        _ id: UInt16, _ history: XenDomain.History = .none, measurements: [XenDomain.Measurement] = []
    ) -> XenDomain {
        XenDomain(guest: uuid, id: id, name: "web", history: history) { () throws(ManagerError) in measurements }
    }

    @Test func aDomainThatNobodyKnowsGetsAGuestOfItsName() throws {
        let rig = try ManagerRig()
        let manager = try rig.start()
        let guest = try manager.attach(Self.domain(1))
        let report = try manager.guest("web")
        #expect(guest.name == "web" && report.id == Self.uuid && report.interface == .xen)
        #expect(report.state == .running && report.domain == 1 && report.socket == nil)
        let client = Self.client(guest)
        #expect(try client.endorsementKey().pubKey.key.count == 256)
        #expect(try client.pcr(4) == .zero)
        #expect(manager.status().runningGuests == 1)
    }

    @Test func aTakenOrUnfitNameGetsTheBeginningOfTheUUID() throws {
        let rig = try ManagerRig()
        let manager = try rig.start()
        _ = try manager.createGuest(GuestRequest(name: "web", interface: .raw))
        #expect(try manager.attach(Self.domain(1)).name == "web-11111111")
        var other = Self.domain(2)
        other.guest = UUID(uuidString: "AAAAAAAA-2222-3333-4444-555555555555") ?? UUID()
        other.name = UUID().uuidString
        #expect(try manager.attach(other).name == "domain-aaaaaaaa")
        // Two guests of one name at the same time.
        #expect(try manager.guests().count == 3)
    }

    @Test func anUnknownDomainIsRefusedWhereTheConfigurationSaysSo() throws {
        let rig = try ManagerRig()
        rig.configuration.xen.unknown = .refuse
        let manager = try rig.start()
        let failure = #expect(throws: ManagerError.self) { try manager.attach(Self.domain(1)) }
        #expect(failure?.kind == .notFound)
        #expect(failure?.description.contains("--uuid 11111111-2222-3333-4444-555555555555") == true)
        let made = try manager.createGuest(GuestRequest(name: "mine", id: Self.uuid, interface: .xen))
        #expect(made.state == .stopped)
        #expect(try manager.attach(Self.domain(1)).name == "mine")
    }

    @Test func aDomainsTPMIsNotStartedByHandNorServedTwice() throws {
        let rig = try ManagerRig()
        let manager = try rig.start()
        _ = try manager.createGuest(GuestRequest(name: "mine", id: Self.uuid, interface: .xen))
        #expect(throws: ManagerError.self) { try manager.startGuest("mine") }
        _ = try manager.attach(Self.domain(1))
        // The same domain again is the same TPM, and another one is none.
        _ = try manager.attach(Self.domain(1))
        #expect(throws: ManagerError.self) { try manager.attach(Self.domain(2)) }
        #expect(throws: ManagerError.self) {
            try manager.createGuest(GuestRequest(name: "a", interface: .xen, isolation: .process))
        }
        _ = try manager.createGuest(GuestRequest(name: "raw", id: UUID(), interface: .raw))
        var other = Self.domain(3)
        other.guest = try manager.guest("raw").id
        #expect(throws: ManagerError.self) { try manager.attach(other) }
    }

    @Test func aBootBeginsWithWhatWasMeasured() throws {
        let rig = try ManagerRig()
        let ones = [4, 4, 5].map { XenDomain.Measurement(pcr: $0, digest: Self.measured) }
        let guest = try rig.start().attach(Self.domain(1, measurements: ones))
        let client = Self.client(guest)
        let once = SHA1.hash(.zero, Self.measured)
        #expect(try client.pcr(5) == once)
        #expect(try client.pcr(4) == SHA1.hash(once, Self.measured))
        #expect(try client.pcr(0) == .zero)
    }

    @Test func aRebootEndsWhatIsVolatile() throws {
        let rig = try ManagerRig()
        let manager = try rig.start()
        let guest = try manager.attach(Self.domain(1))
        _ = try Self.client(guest).extend(10, with: Self.measured)
        guest.detach(isSaved: false)
        #expect(try manager.guest("web").state == .stopped)
        #expect(try Self.client(try manager.attach(Self.domain(2))).pcr(10) == .zero)
        #expect(try manager.events(of: "web").map(\.kind) == ["created", "started", "stopped", "started"])
    }

    @Test func aSavedDomainGoesOn() throws {
        let rig = try ManagerRig()
        let manager = try rig.start()
        let guest = try manager.attach(Self.domain(1))
        let value = try Self.client(guest).extend(10, with: Self.measured)
        guest.detach(isSaved: true)
        #expect(try manager.guest("web").state == .suspended)
        let restored = try manager.attach(Self.domain(2, .restored))
        #expect(try Self.client(restored).pcr(10) == value)
        #expect(try manager.guest("web").domain == 2)
    }

    /// The toolstack does not say what a domain booted that it restores.
    @Test func aDomainThatGoesOnIsNotMeasured() throws {
        let rig = try ManagerRig()
        let manager = try rig.start()
        let guest = try manager.attach(Self.domain(1, measurements: [.init(pcr: 4, digest: Self.measured)]))
        let value = try Self.client(guest).pcr(4)
        guest.detach(isSaved: true)
        var restored = Self.domain(2, .restored)
        restored.measure = { () throws(ManagerError) in throw ManagerError(.failed, "There is no kernel.") }
        #expect(try Self.client(try manager.attach(restored)).pcr(4) == value)
        restored.id = 3
        restored.history = .none
        #expect(throws: ManagerError.self) { try manager.attach(restored) }
    }

    @Test func aDomainThatIsStartedAfterItWasSavedBootsAnew() throws {
        let rig = try ManagerRig()
        let manager = try rig.start()
        let guest = try manager.attach(Self.domain(1))
        _ = try Self.client(guest).extend(10, with: Self.measured)
        guest.detach(isSaved: true)
        #expect(try Self.client(try manager.attach(Self.domain(2))).pcr(10) == .zero)
    }

    @Test func aSavedDomainOfWhichNobodyKnowsWhetherItBootsHasPCRsOfNoBoot() throws {
        let rig = try ManagerRig()
        let manager = try rig.start()
        let guest = try manager.attach(Self.domain(1, .unknown))
        let client = Self.client(guest)
        #expect(try client.pcr(10) == .zero)
        let value = try client.extend(10, with: Self.measured)
        guest.detach(isSaved: true)
        let next = try Self.client(try manager.attach(Self.domain(2, .unknown))).pcr(10)
        #expect(next != .zero && next != value)
        #expect(try manager.events(of: "web").last?.kind == "interrupted")
    }

    @Test func aDomainThatIsRestoredTwiceHasPCRsOfNoBoot() throws {
        let rig = try ManagerRig()
        let manager = try rig.start()
        let guest = try manager.attach(Self.domain(1))
        guest.detach(isSaved: true)
        try manager.attach(Self.domain(2, .restored)).detach(isSaved: false)
        let client = Self.client(try manager.attach(Self.domain(3, .restored)))
        let lost = SHA1.hash(.zero, SHA1.hash(Array("vtpm: volatile state was lost".utf8)))
        for index in [UInt32(0), 4, 10, 15] { #expect(try client.pcr(index) == lost) }
        #expect(try client.pcr(16) == .zero)
        #expect(try manager.events(of: "web").last?.kind == "interrupted")
    }

    @Test func aDomainGoesOnWithTheNextManager() throws {
        let rig = try ManagerRig()
        let value = try rig.session { manager in
            try Self.client(try manager.attach(Self.domain(1))).extend(10, with: Self.measured)
        }
        try rig.session { manager in
            let unseen = try manager.guest("web")
            #expect(unseen.state == .failed)
            #expect(try Self.client(try manager.attach(Self.domain(1))).pcr(10) == value)
        }
        // A domain that went meanwhile: its number is another one.
        try rig.session { manager in
            let another = try Self.client(try manager.attach(Self.domain(2))).pcr(10)
            #expect(another == .zero)
        }
    }

    @Test func aDomainWhoseManagerWasKilledHasPCRsOfNoBoot() throws {
        let rig = try ManagerRig()
        let manager = try rig.start()
        let client = Self.client(try manager.attach(Self.domain(1)))
        try client.takeOwnership(owner: Secret(passphrase: Secret(Array("guest".utf8))))
        _ = try client.extend(10, with: Self.measured)
        // What a kill leaves behind.
        let copy = "\(rig.directory)/killed"
        try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: false)
        for name in ["state", "anchor"] {
            try FileManager.default.copyItem(atPath: "\(rig.directory)/\(name)", toPath: "\(copy)/\(name)")
        }
        var configuration = rig.configuration
        configuration.directory = "\(copy)/state"
        configuration.anchor.address = .software(directory: "\(copy)/anchor")
        let next = try Manager(configuration, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try next.start()
        defer { next.stop() }
        let again = Self.client(try next.attach(Self.domain(1)))
        let lost = SHA1.hash(.zero, SHA1.hash(Array("vtpm: volatile state was lost".utf8)))
        #expect(try again.pcr(10) == lost)
        // What is permanent is there.
        #expect(throws: ClientError.self) {
            try again.takeOwnership(owner: Secret(passphrase: Secret(Array("guest".utf8))))
        }
        #expect(try next.events(of: "web").last?.kind == "interrupted")
    }

    @Test func aTPMThatAnOperatorEndsStaysSoUntilTheDomainStartsAnew() throws {
        let rig = try ManagerRig()
        let manager = try rig.start()
        let guest = try manager.attach(Self.domain(1))
        let end = Mutex<RingEnd?>(nil)
        let ring = TestRing()
        let ended = DispatchSemaphore(value: 0)
        guest.serve(ring) { reason in
            end.withLock { $0 = reason }
            ended.signal()
        }
        _ = try manager.stopGuest("web")
        #expect(ended.wait(timeout: .now() + 10) == .success)
        guard case .serverEnded = end.withLock({ $0 }) else {
            Issue.record("The ring ended otherwise.")
            return
        }
        let refusal = #expect(throws: ManagerError.self) { try manager.attach(Self.domain(1)) }
        #expect(refusal?.kind == .conflict)
        #expect(try Self.client(try manager.attach(Self.domain(2))).pcr(10) == .zero)
    }

    /// Also one that is started by hand is told why, though nobody can read what its interface is.
    @Test func aClosedGroupGivesNoTPM() throws {
        let rig = try ManagerRig(hasHardware: true, approves: true)
        try rig.session { manager in
            _ = try manager.attach(Self.domain(1))
            _ = try manager.createGuest(GuestRequest(name: "raw", interface: .raw))
        }
        try rig.extendHost(4, "another kernel")
        try rig.session { manager in
            let failure = #expect(throws: ManagerError.self) { try manager.attach(Self.domain(2)) }
            #expect(failure?.kind == .notApproved)
            let refusal = #expect(throws: ManagerError.self) { try manager.startGuest("raw") }
            #expect(refusal?.kind == .notApproved)
        }
    }

    // MARK: A front end

    private static func client(_ guest: any XenGuest) -> TPMClient {
        let ring = TestRing()
        guest.serve(ring) { _ in }
        return TPMClient(InProcessTransport { ring.transmit($0) })
    }
}

/// A ring with one place, and a front end that waits for each answer.
private final class TestRing: CommandRing {
    let descriptor: Int32
    private let bell: Int32
    private let command = Mutex<[UInt8]?>(nil)
    private let answer = Mutex<[UInt8]>([])
    private let answered = DispatchSemaphore(value: 0)

    init() {
        var ends: [Int32] = [-1, -1]
        socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC | O_NONBLOCK, 0, &ends)
        (descriptor, bell) = (ends[0], ends[1])
    }

    func transmit(_ bytes: [UInt8]) -> [UInt8] {
        command.withLock { $0 = bytes }
        _ = write(bell, [1], 1)
        guard answered.wait(timeout: .now() + 60) == .success else { return [] }
        return answer.withLock { $0 }
    }

    func acknowledge() -> Bool {
        var bytes = [UInt8](repeating: 0, count: 8)
        _ = read(descriptor, &bytes, bytes.count)
        return true
    }

    func take(isBusy: Bool) -> RingRequest {
        let next = command.withLock { command in
            defer { command = nil }
            return command
        }
        return next.map { .command($0, .zero) } ?? .nothing
    }

    func finish(_ bytes: [UInt8]) {
        answer.withLock { $0 = bytes }
        answered.signal()
    }

    func idle() { finish([]) }

    func close() {
        Glibc.close(descriptor)
        Glibc.close(bell)
    }
}
