import Foundation
import HardwareAnchor
import TPMClient
import TPMCrypto
import TPMWire
import Testing

@testable import VTPMManager

/// A host's manager from its first start on.
@Suite struct ManagerTests {
    private static let raw = GuestRequest(name: "web", interface: .raw)
    private static let owner = Secret(passphrase: Secret(Array("guest".utf8)))

    // MARK: Guests

    @Test func aNewGuestHasATPMWithAnEndorsementKey() throws {
        let rig = try ManagerRig()
        let manager = try rig.start()
        let guest = try manager.createGuest(Self.raw)
        #expect(guest.state == .running && guest.group == "default" && guest.problem == nil)
        let client = try rig.client(guest)
        #expect(try client.endorsementKey().pubKey.key.count == 256)
        try client.takeOwnership(owner: Self.owner)
        #expect(manager.status().isHealthy && manager.status().runningGuests == 1)
        #expect(try manager.events(of: "web").map(\.kind) == ["created", "started"])
    }

    @Test func whatAGuestKeptIsThereWithTheNextManager() throws {
        let rig = try ManagerRig()
        let client = try rig.client(try rig.start().createGuest(Self.raw))
        try client.takeOwnership(owner: Self.owner)
        rig.stop()
        let again = try rig.start()
        let guest = try again.guest("web")
        #expect(guest.state == .running)
        #expect(throws: ClientError.self) { try rig.client(guest).takeOwnership(owner: Self.owner) }
        #expect(try rig.client(guest).storageRootKey(owner: Self.owner).pubKey.key.count == 256)
    }

    @Test func aGuestGoesOnWhenTheManagerWasStartedAgain() throws {
        let rig = try ManagerRig()
        let client = try rig.client(try rig.start().createGuest(Self.raw))
        let value = try client.extend(10, with: SHA1.hash([1]))
        rig.stop()
        let guest = try rig.start().guest("web")
        #expect(try rig.client(guest).pcr(10) == value)
        // After another start of the host it does not.
        _ = try rig.manager?.stopGuest("web")
        let stopped = try #require(try rig.manager?.startGuest("web"))
        #expect(try rig.client(stopped).pcr(10) == .zero)
    }

    @Test func aSuspendedGuestIsResumedAndNotStarted() throws {
        let rig = try ManagerRig()
        let value = try rig.session { manager in
            let value = try rig.client(try manager.createGuest(Self.raw)).extend(10, with: SHA1.hash([1]))
            #expect(try manager.suspendGuest("web").state == .suspended)
            #expect(manager.status().lastCheckpoint != nil && !manager.status().isCheckpointDue)
            #expect(throws: ManagerError.self) { try manager.startGuest("web") }
            return value
        }
        try rig.session { manager in
            let suspended = try manager.guest("web")
            let resumed = try rig.client(try manager.resumeGuest("web"))
            #expect(suspended.state == .suspended)
            #expect(try resumed.pcr(10) == value)
            #expect(throws: ManagerError.self) { try manager.resumeGuest("web") }
        }
    }

    @Test func whatCannotBeDoneIsRefusedByName() throws {
        let rig = try ManagerRig()
        let manager = try rig.start()
        _ = try manager.createGuest(Self.raw)
        func kind(_ body: () throws -> Void) -> ManagerError.Kind? {
            do {
                try body()
                return nil
            } catch { return (error as? ManagerError)?.kind }
        }
        #expect(kind { _ = try manager.guest("other") } == .notFound)
        #expect(kind { _ = try manager.createGuest(Self.raw) } == .conflict)
        #expect(kind { _ = try manager.createGuest(GuestRequest(name: "")) } == .invalid)
        #expect(kind { _ = try manager.createGuest(GuestRequest(name: UUID().uuidString)) } == .invalid)
        #expect(kind { _ = try manager.createGuest(GuestRequest(name: "a", group: "none")) } == .notFound)
        #expect(kind { _ = try manager.createGuest(GuestRequest(name: "a", linkedPCRs: [24])) } == .invalid)
        #expect(kind { try manager.destroyGuest("web") } == .conflict)
        #expect(kind { _ = try manager.startGuest("web") } == .conflict)
        #expect(kind { _ = try manager.hostPCRs([]) } == .invalid)
        #expect(kind { try manager.deleteGroup("default") } == .conflict)
        #expect(kind { _ = try manager.approvals(of: "default") } == .invalid)
        _ = try manager.stopGuest("web")
        #expect(kind { _ = try manager.stopGuest("web") } == .conflict)
        try manager.destroyGuest("web")
        #expect(kind { _ = try manager.guest("web") } == .notFound)
    }

    // MARK: What the host booted

    @Test func aConfigurationIsApprovedBeforeItIsBooted() throws {
        let rig = try ManagerRig(hasHardware: true, approves: true)
        try rig.session { manager in
            _ = try manager.createGuest(Self.raw)
            let approval = try rig.approval(of: manager, extending: "kernel 2")
            var forged = approval
            forged.signature[3] ^= 1
            #expect(throws: ManagerError.self) { try manager.approve(forged, for: "default") }
            let old = try rig.approval(of: manager, sequence: 0, extending: "kernel 2")
            #expect(throws: ManagerError.self) { try manager.approve(old, for: "default") }
            #expect(try manager.approve(approval, for: "default").approvalSequence == 1)
            #expect(throws: ManagerError.self) { try manager.approve(approval, for: "default") }
        }
        try rig.extendHost(4, "kernel 2")
        #expect(try rig.session { try $0.guest("web").state } == .running)

        try rig.extendHost(4, "malware")
        try rig.session { manager in
            let guest = try manager.guest("web")
            #expect(guest.state == .failed && guest.problem?.contains("PCR 4") == true)
            #expect(try manager.group("default").isOpen == false && !manager.status().isHealthy)
            #expect(throws: ManagerError.self) { try manager.startGuest("web") }
            #expect(throws: ManagerError.self) { try manager.createGuest(GuestRequest(name: "other")) }
        }
        // The machine boots what it booted first.
        try rig.hardware?.start()
        #expect(try rig.session { try $0.guest("web").state } == .running)
    }

    // MARK: No going back

    @Test func anOlderCopyOfTheStoreIsRefused() throws {
        let rig = try ManagerRig()
        _ = try rig.session { try $0.createGuest(Self.raw) }
        let (state, copy, newest) = (rig.configuration.directory, "\(rig.directory)/copy", "\(rig.directory)/newest")
        try FileManager.default.copyItem(atPath: state, toPath: copy)
        _ = try rig.session { try $0.createGuest(GuestRequest(name: "later")) }
        try FileManager.default.moveItem(atPath: state, toPath: newest)
        try FileManager.default.moveItem(atPath: copy, toPath: state)
        let refusal = try #require(rig.refusal())
        #expect(refusal.kind == .store && refusal.description.contains("old copy"))
        try FileManager.default.removeItem(atPath: state)
        try FileManager.default.moveItem(atPath: newest, toPath: state)
        #expect(try rig.session { try $0.guests() }.count == 2)
    }

    @Test func otherHardwareIsRefusedUntilTheStoreIsRecovered() throws {
        let rig = try ManagerRig(hasHardware: true, approves: true)
        let client = try rig.client(try rig.start().createGuest(Self.raw))
        try client.takeOwnership(owner: Self.owner)
        rig.stop()
        try rig.exchangeHardware()
        let refusal = try #require(rig.refusal())
        #expect(refusal.kind == .hardware && refusal.description.contains("another"))
        #expect(throws: ManagerError.self) { try rig.setup.recover(with: try RecoveryPrivateKey.generate(bits: 2048)) }
        #expect(try rig.setup.recover(with: rig.recoveryKey) == 1)
        let manager = try rig.start()
        let guest = try manager.guest("web")
        #expect(guest.state == .running)
        #expect(try rig.client(guest).storageRootKey(owner: Self.owner).pubKey.key.count == 256)
        #expect(try manager.events(of: "web").map(\.kind).contains("recovered"))
    }

    @Test func aStoreWithoutItsCheckpointIsRefused() throws {
        let rig = try ManagerRig()
        do {
            let material = try #require(try MaterialFile.read(in: rig.configuration.directory))
            let anchor = try rig.configuration.anchor.address.open(material)
            let record = try anchor.readRecord()
            // One that its owner wrote again from a note, without the counter.
            try anchor.incrementCounter()
            try anchor.incrementCounter()
            try anchor.writeRecord(record)
        }
        #expect(rig.refusal()?.description.contains("another time") == true)
        do {
            let material = try #require(try MaterialFile.read(in: rig.configuration.directory))
            try rig.configuration.anchor.address.open(material).writeRecord([])
        }
        #expect(rig.refusal()?.description.contains("no checkpoint") == true)
    }

    // MARK: Attestation

    @Test func aDeepQuoteShowsTheGuestAndItsHost() throws {
        let rig = try ManagerRig(hasHardware: true)
        let manager = try rig.start()
        let value = try rig.client(try manager.createGuest(Self.raw)).extend(10, with: SHA1.hash([1]))
        let quote = try manager.deepQuote(of: "web", DeepQuoteRequest(nonce: ManagerRig.nonce))
        let nonce = try #require(Hexadecimal.decode(ManagerRig.nonce))
        let hardwareKey = try manager.quotingKey().pem
        let verified = try quote.verified(
            nonce: nonce, hardwareKey: hardwareKey, guestKey: try manager.quotingKey(of: "web").pem)
        #expect(verified.guestPCRs.pcrs["10"] == Hexadecimal.encode(value.bytes) && verified.hostPCRs.pcrs.count == 8)

        var forged = [quote, quote, quote, quote]
        forged[0].guest = UUID()
        forged[1].groupName = "other"
        forged[2].guestQuote[forged[2].guestQuote.count - 1] ^= 1
        forged[3].hardwareQuote[forged[3].hardwareQuote.count - 1] ^= 1
        for forgery in forged {
            #expect(throws: ManagerError.self) { try forgery.verified(nonce: nonce, hardwareKey: hardwareKey) }
        }
        let other = [UInt8](repeating: 9, count: 20)
        #expect(throws: ManagerError.self) { try quote.verified(nonce: other, hardwareKey: hardwareKey) }
        #expect(throws: ManagerError.self) {
            try quote.verified(nonce: nonce, hardwareKey: try manager.quotingKey(of: "web").pem)
        }
        _ = try manager.stopGuest("web")
        #expect(throws: ManagerError.self) {
            try manager.deepQuote(of: "web", DeepQuoteRequest(nonce: ManagerRig.nonce))
        }
    }

    @Test func linkedPCRsStartFromTheHosts() throws {
        let rig = try ManagerRig(hasHardware: true)
        try rig.extendHost(4, "kernel")
        let manager = try rig.start()
        let host = try manager.readHostPCRs([4]).values[4]
        var request = Self.raw
        request.linkedPCRs = [4]
        let client = try rig.client(try manager.createGuest(request))
        #expect(try client.pcr(4).bytes == host)
        #expect(try client.pcr(5) == .zero)
    }

    // MARK: Faults

    @Test func guestsGoOnWhileTheHardwareIsGone() throws {
        let rig = try ManagerRig(hasHardware: true)
        rig.configuration.checkpoint.interval = .seconds(1)
        let manager = try rig.start()
        let client = try rig.client(try manager.createGuest(Self.raw))
        rig.hardware?.kill()
        try wait { !manager.status().isHealthy }
        try client.takeOwnership(owner: Self.owner)
        #expect(manager.status().problems.joined().contains("cannot be reached"))
        try rig.hardware?.start()
        try wait { manager.status().isHealthy }
        #expect(try client.storageRootKey(owner: Self.owner).pubKey.key.count == 256)
    }

    private func wait(for condition: () -> Bool) throws {
        for _ in 0..<600 {
            if condition() { return }
            Thread.sleep(forTimeInterval: 0.1)
        }
        try #require(condition())
    }
}
