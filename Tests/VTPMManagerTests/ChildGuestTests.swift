import Foundation
import TPMClient
import TPMCrypto
import TPMServer
import TPMWire
import Testing

@testable import VTPMManager

/// Guests whose engines are processes of their own, under a manager.
@Suite struct ChildGuestTests {
    private static let raw = GuestRequest(name: "web", interface: .raw, isolation: .process)
    private static let owner = Secret(passphrase: Secret(Array("guest".utf8)))

    private let rig: ManagerRig

    init() throws {
        rig = try ManagerRig()
        let bundle = Bundle.allBundles.map(\.bundleURL).first { $0.pathExtension == "xctest" }
        let tests = bundle ?? URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        rig.configuration.guests.engine = tests.deletingLastPathComponent().appendingPathComponent("vtpm").path
    }

    private func service(_ name: String) throws -> ChildGuest {
        let manager = try #require(rig.manager)
        let id = try #require(UUID(uuidString: try manager.guest(name).id.uuidString))
        return try #require(manager.roster.service(of: id) as? ChildGuest)
    }

    /// True when it is so within some seconds.
    private func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
        for _ in 0..<500 where try !condition() { usleep(20_000) }
        return try condition()
    }

    @Test func itKeepsWhatItHasInTheStoreAndGoesOnWithTheNextManager() throws {
        let value = try rig.session { manager in
            let client = try rig.client(try manager.createGuest(Self.raw))
            #expect(try client.endorsementKey().pubKey.key.count == 256)
            try client.takeOwnership(owner: Self.owner)
            #expect(eventually { manager.roster.statistics.connections == 1 })
            return try client.extend(10, with: SHA1.hash([1]))
        }
        try rig.session { manager in
            let client = try rig.client(try manager.guest("web"))
            #expect(try client.pcr(10) == value)
            #expect(try client.storageRootKey(owner: Self.owner).pubKey.key.count == 256)
            #expect(try service("web").readPCRs()?[10] == value)
            #expect(try manager.stopGuest("web").state == .stopped)
            #expect(try rig.client(try manager.startGuest("web")).pcr(10) == .zero)
            #expect(try manager.suspendGuest("web").state == .suspended)
            #expect(try rig.client(try manager.resumeGuest("web")).pcr(10) == .zero)
            _ = try manager.stopGuest("web")
            try manager.destroyGuest("web")
            #expect(manager.status().guests == 0 && manager.status().runningGuests == 0)
        }
    }

    @Test func aRawGuestWhoseEngineDiedIsNotStartedUnderIt() throws {
        let manager = try rig.start()
        let client = try rig.client(try manager.createGuest(Self.raw))
        try client.takeOwnership(owner: Self.owner)
        kill(try #require(try service("web").processID), SIGKILL)
        #expect(try eventually { try manager.guest("web").problem?.contains("killed by signal 9") == true })
        #expect(throws: (any Error).self) { try rig.client(try manager.guest("web")) }
        let again = try rig.client(try manager.startGuest("web"))
        #expect(try again.storageRootKey(owner: Self.owner).pubKey.key.count == 256)
        #expect(try manager.guest("web").problem == nil)
    }

    @Test func aGuestWithAControlChannelGetsAnotherEngineForTheNextClient() throws {
        let manager = try rig.start()
        let guest = try manager.createGuest(GuestRequest(name: "vm", interface: .control, isolation: .process))
        let socket = try #require(guest.socket)
        let service = try service("vm")
        for _ in 0..<3 {
            let id = try #require(service.processID)
            kill(id, SIGKILL)
            #expect(eventually { service.processID != nil && service.processID != id })
            #expect(access(socket, F_OK) == 0)
            #expect(service.readPCRs() == nil)
        }
        // One that dies again and again is left alone.
        var last: pid_t?
        for _ in 0..<3 {
            guard let id = service.processID else { break }
            last = id
            kill(id, SIGKILL)
            #expect(eventually { service.processID != id })
            usleep(50_000)
        }
        #expect(last != nil)
        #expect(try eventually { try manager.guest("vm").problem?.contains("killed by signal 9") == true })
        #expect(try manager.startGuest("vm").problem == nil)
    }

    @Test func whatKeepsAnEngineFromStartingIsSaid() throws {
        rig.configuration.guests.engine = "/nowhere/vtpm"
        let manager = try rig.start()
        do {
            _ = try manager.createGuest(Self.raw)
            Issue.record("It was started.")
        } catch {
            #expect("\(error)".contains("The guest's engine did not start"))
        }
        #expect(try manager.guest("web").problem?.contains("/nowhere/vtpm") == true)
    }
}
